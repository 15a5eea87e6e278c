import java.util.Scanner;
import java.util.StringJoiner;

public class Main {
    static String spiralOrder(int[][] matrix) {
        int top = 0;
        int bottom = matrix.length - 1;
        int left = 0;
        int right = matrix[0].length - 1;
        StringJoiner order = new StringJoiner(" ");
        while (top <= bottom && left <= right) {
            for (int j = left; j <= right; j++) {
                order.add("" + matrix[top][j]);
            }
            for (int i = top + 1; i <= bottom; i++) {
                order.add("" + matrix[i][right]);
            }
            for (int j = right - 1; j >= left && top < bottom; j--) {
                order.add("" + matrix[bottom][j]);
            }
            for (int i = bottom - 1; i > top && left < right; i--) {
                order.add("" + matrix[i][left]);
            }
            top++;
            bottom--;
            left++;
            right--;
        }
        return order.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int[][] matrix = new int[in.nextInt()][in.nextInt()];
        for (int[] row : matrix) {
            for (int j = 0; j < row.length; j++) {
                row[j] = in.nextInt();
            }
        }
        System.out.println(spiralOrder(matrix));
    }
}
