import java.util.Scanner;

public class Main {
    static String[][] rotateMatrix(String[][] matrix) {
        int rows = matrix.length;
        int columns = matrix[0].length;
        String[][] turned = new String[columns][rows];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                turned[j][rows - 1 - i] = matrix[i][j];
            }
        }
        return turned;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String[][] matrix = new String[in.nextInt()][];
        in.nextLine();
        for (int i = 0; i < matrix.length; i++) {
            matrix[i] = in.nextLine().split(" ");
        }
        for (String[] row : rotateMatrix(matrix)) {
            System.out.println(String.join(" ", row));
        }
    }
}
