import java.util.Scanner;

public class Main {
    static int diagonalDifference(int[][] matrix) {
        int difference = 0;
        for (int i = 0; i < matrix.length; i++) {
            difference += matrix[i][i] - matrix[i][matrix.length - 1 - i];
        }
        return Math.abs(difference);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int size = in.nextInt();
        int[][] matrix = new int[size][size];
        for (int[] row : matrix) {
            for (int j = 0; j < size; j++) {
                row[j] = in.nextInt();
            }
        }
        System.out.println(diagonalDifference(matrix));
    }
}
