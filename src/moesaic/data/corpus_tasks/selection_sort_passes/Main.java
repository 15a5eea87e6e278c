import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Scanner;

public class Main {
    static String format(List<Integer> numbers) {
        StringBuilder line = new StringBuilder();
        for (int number : numbers) {
            line.append(line.length() == 0 ? "" : " ").append(number);
        }
        return line.toString();
    }

    static void selectionSortPasses(List<Integer> numbers) {
        for (int start = 0; start < numbers.size() - 1; start++) {
            int smallest = start;
            for (int i = start + 1; i < numbers.size(); i++) {
                if (numbers.get(i) < numbers.get(smallest)) {
                    smallest = i;
                }
            }
            Collections.swap(numbers, start, smallest);
            System.out.println(format(numbers));
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        selectionSortPasses(numbers);
    }
}
