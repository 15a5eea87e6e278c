import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static List<Integer> runningTotals(List<Integer> numbers) {
        int total = 0;
        List<Integer> totals = new ArrayList<>();
        for (int number : numbers) {
            total += number;
            totals.add(total);
        }
        return totals;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        for (int total : runningTotals(numbers)) {
            System.out.println(total);
        }
    }
}
