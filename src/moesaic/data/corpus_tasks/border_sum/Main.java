import java.util.Scanner;

public class Main {
    static int borderSum(Scanner in, int rows, int columns) {
        int sum = 0;
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                int number = in.nextInt();
                if (i == 0 || i == rows - 1 || j == 0 || j == columns - 1) {
                    sum += number;
                }
            }
        }
        return sum;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int rows = in.nextInt();
        int columns = in.nextInt();
        System.out.println(borderSum(in, rows, columns));
    }
}
