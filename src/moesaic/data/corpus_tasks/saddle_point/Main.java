import java.util.Scanner;

public class Main {
    static boolean isSaddle(int[][] matrix, int row, int column) {
        int candidate = matrix[row][column];
        for (int number : matrix[row]) {
            if (number < candidate) {
                return false;
            }
        }
        for (int[] other : matrix) {
            if (other[column] > candidate) {
                return false;
            }
        }
        return true;
    }

    static String saddlePoint(int[][] matrix) {
        for (int i = 0; i < matrix.length; i++) {
            for (int j = 0; j < matrix[i].length; j++) {
                if (isSaddle(matrix, i, j)) {
                    return (i + 1) + " " + (j + 1);
                }
            }
        }
        return "none";
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int rows = in.nextInt();
        int columns = in.nextInt();
        int[][] matrix = new int[rows][columns];
        for (int i = 0; i < rows * columns; i++) {
            matrix[i / columns][i % columns] = in.nextInt();
        }
        System.out.println(saddlePoint(matrix));
    }
}
