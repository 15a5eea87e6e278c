import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static void insertionSort(List<Integer> numbers) {
        for (int i = 1; i < numbers.size(); i++) {
            int number = numbers.get(i);
            int gap = i;
            while (gap > 0 && numbers.get(gap - 1) < number) {
                numbers.set(gap, numbers.get(gap - 1));
                gap--;
            }
            numbers.set(gap, number);
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        insertionSort(numbers);
        for (int number : numbers) {
            System.out.println(number);
        }
    }
}
