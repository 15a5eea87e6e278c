import java.util.Arrays;
import java.util.Scanner;
import java.util.stream.Collectors;

public class Main {
    static int[] columnMaximums(Scanner in, int rows, int columns) {
        int[] maximums = new int[columns];
        Arrays.fill(maximums, Integer.MIN_VALUE);
        for (int i = 0; i < rows * columns; i++) {
            int column = i % columns;
            maximums[column] = Math.max(maximums[column], in.nextInt());
        }
        return maximums;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int rows = in.nextInt();
        int[] maximums = columnMaximums(in, rows, in.nextInt());
        String line =
            Arrays.stream(maximums).mapToObj(String::valueOf).collect(Collectors.joining(" "));
        System.out.println(line);
    }
}
