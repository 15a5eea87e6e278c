import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static int largestNumber(List<Integer> numbers) {
        int largest = numbers.get(0);
        for (int number : numbers) {
            if (number > largest) {
                largest = number;
            }
        }
        return largest;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        System.out.println(largestNumber(numbers));
    }
}
