import java.util.Scanner;
import java.util.TreeSet;

public class Main {
    static int secondLargest(TreeSet<Integer> numbers) {
        if (numbers.size() == 1) {
            return numbers.first();
        }
        return numbers.lower(numbers.last());
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        TreeSet<Integer> numbers = new TreeSet<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        System.out.println(secondLargest(numbers));
    }
}
