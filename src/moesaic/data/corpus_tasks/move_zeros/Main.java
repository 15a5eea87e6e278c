import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static List<Integer> moveZeros(List<Integer> numbers) {
        List<Integer> moved = new ArrayList<>();
        for (int number : numbers) {
            if (number != 0) {
                moved.add(number);
            }
        }
        while (moved.size() < numbers.size()) {
            moved.add(0);
        }
        return moved;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        for (int number : moveZeros(numbers)) {
            System.out.println(number);
        }
    }
}
