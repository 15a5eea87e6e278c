import java.util.Scanner;

public class Main {
    static int[] rowSums(int[][] matrix) {
        int[] sums = new int[matrix.length];
        for (int i = 0; i < matrix.length; i++) {
            for (int number : matrix[i]) {
                sums[i] += number;
            }
        }
        return sums;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int[][] matrix = new int[in.nextInt()][in.nextInt()];
        for (int[] row : matrix) {
            for (int j = 0; j < row.length; j++) {
                row[j] = in.nextInt();
            }
        }
        for (int sum : rowSums(matrix)) {
            System.out.println(sum);
        }
    }
}
