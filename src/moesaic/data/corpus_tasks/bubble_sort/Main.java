import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Scanner;

public class Main {
    static void bubbleSort(List<Integer> numbers) {
        for (int end = numbers.size(); end > 1; end--) {
            for (int i = 1; i < end; i++) {
                if (numbers.get(i - 1) > numbers.get(i)) {
                    Collections.swap(numbers, i - 1, i);
                }
            }
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        bubbleSort(numbers);
        for (int number : numbers) {
            System.out.println(number);
        }
    }
}
