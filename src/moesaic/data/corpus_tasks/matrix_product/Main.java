import java.util.Scanner;

public class Main {
    private static final Scanner IN = new Scanner(System.in);

    static int[][] readMatrix(int size) {
        int[][] matrix = new int[size][size];
        for (int[] row : matrix) {
            for (int j = 0; j < size; j++) {
                row[j] = IN.nextInt();
            }
        }
        return matrix;
    }

    static int[][] matrixProduct(int[][] first, int[][] second) {
        int size = first.length;
        int[][] product = new int[size][size];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                for (int k = 0; k < size; k++) {
                    product[i][j] += first[i][k] * second[k][j];
                }
            }
        }
        return product;
    }

    public static void main(String[] args) {
        int size = IN.nextInt();
        int[][] first = readMatrix(size);
        for (int[] row : matrixProduct(first, readMatrix(size))) {
            for (int j = 0; j < size; j++) {
                System.out.print(j == 0 ? row[j] : " " + row[j]);
            }
            System.out.println();
        }
    }
}
