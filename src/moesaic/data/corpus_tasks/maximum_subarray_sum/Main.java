import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static int maximumSubarraySum(List<Integer> numbers) {
        int best = numbers.get(0);
        int current = 0;
        for (int number : numbers) {
            current = Math.max(current + number, number);
            best = Math.max(best, current);
        }
        return best;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        System.out.println(maximumSubarraySum(numbers));
    }
}
