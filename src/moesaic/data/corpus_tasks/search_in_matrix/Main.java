import java.util.Scanner;

public class Main {
    static String searchInMatrix(int[][] matrix, int target) {
        int column = matrix[0].length - 1;
        for (int row = 0; row < matrix.length; row++) {
            while (column >= 0 && matrix[row][column] > target) {
                column--;
            }
            if (column >= 0 && matrix[row][column] == target) {
                return (row + 1) + " " + (column + 1);
            }
        }
        return "absent";
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int target = in.nextInt();
        int rows = in.nextInt();
        int columns = in.nextInt();
        int[][] matrix = new int[rows][columns];
        for (int[] row : matrix) {
            for (int j = 0; j < columns; j++) {
                row[j] = in.nextInt();
            }
        }
        System.out.println(searchInMatrix(matrix, target));
    }
}
