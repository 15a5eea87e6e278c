import java.util.Arrays;
import java.util.Scanner;

public class Main {
    static int[] mergeSortedLists(int[] first, int[] second) {
        int[] merged = new int[first.length + second.length];
        int i = 0;
        int j = 0;
        while (i + j < merged.length) {
            if (j == second.length || i < first.length && first[i] <= second[j]) {
                merged[i + j] = first[i++];
            } else {
                merged[i + j] = second[j++];
            }
        }
        return merged;
    }

    static int[] readNumbers(String line) {
        return Arrays.stream(line.split(" ")).mapToInt(Integer::parseInt).toArray();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int[] first = readNumbers(in.nextLine());
        int[] second = readNumbers(in.nextLine());
        for (int number : mergeSortedLists(first, second)) {
            System.out.println(number);
        }
    }
}
