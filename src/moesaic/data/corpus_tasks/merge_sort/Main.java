import java.util.Arrays;
import java.util.Scanner;

public class Main {
    static int[] mergeSort(int[] numbers) {
        if (numbers.length == 1) {
            return numbers;
        }
        int middle = numbers.length / 2;
        int[] left = mergeSort(Arrays.copyOfRange(numbers, 0, middle));
        int[] right = mergeSort(Arrays.copyOfRange(numbers, middle, numbers.length));
        int i = 0;
        int j = 0;
        int[] merged = new int[numbers.length];
        for (int k = 0; k < merged.length; k++) {
            if (j == right.length || i < left.length && left[i] <= right[j]) {
                merged[k] = left[i++];
            } else {
                merged[k] = right[j++];
            }
        }
        return merged;
    }

    public static void main(String[] args) {
        String[] fields = new Scanner(System.in).nextLine().split(" ");
        int[] sorted = mergeSort(Arrays.stream(fields).mapToInt(Integer::parseInt).toArray());
        System.out.println(
            String.join(" ", Arrays.stream(sorted).mapToObj(String::valueOf).toList()));
    }
}
