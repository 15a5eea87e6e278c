import java.util.Scanner;

public class Main {
    static int[][] transposeMatrix(int[][] matrix) {
        int[][] result = new int[matrix[0].length][matrix.length];
        for (int i = 0; i < matrix.length; i++) {
            for (int j = 0; j < matrix[0].length; j++) {
                result[j][i] = matrix[i][j];
            }
        }
        return result;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int[][] matrix = new int[in.nextInt()][in.nextInt()];
        for (int[] row : matrix) {
            for (int j = 0; j < row.length; j++) {
                row[j] = in.nextInt();
            }
        }
        for (int[] row : transposeMatrix(matrix)) {
            StringBuilder line = new StringBuilder();
            for (int number : row) {
                line.append(number).append(" ");
            }
            System.out.println(line.toString().trim());
        }
    }
}
