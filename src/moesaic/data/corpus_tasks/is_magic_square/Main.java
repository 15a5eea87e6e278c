import java.util.HashSet;
import java.util.Scanner;
import java.util.Set;

public class Main {
    static boolean isMagicSquare(int[][] square) {
        Set<Integer> sums = new HashSet<>();
        int size = square.length;
        int down = 0;
        int up = 0;
        for (int i = 0; i < size; i++) {
            int row = 0;
            int column = 0;
            for (int j = 0; j < size; j++) {
                row += square[i][j];
                column += square[j][i];
            }
            sums.add(row);
            sums.add(column);
            down += square[i][i];
            up += square[size - 1 - i][i];
        }
        sums.add(down);
        sums.add(up);
        return sums.size() == 1;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int size = in.nextInt();
        int[][] square = new int[size][size];
        for (int[] row : square) {
            for (int j = 0; j < size; j++) {
                row[j] = in.nextInt();
            }
        }
        System.out.println(isMagicSquare(square) ? "yes" : "no");
    }
}
