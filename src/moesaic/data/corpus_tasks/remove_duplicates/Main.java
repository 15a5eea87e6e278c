import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Scanner;
import java.util.Set;

public class Main {
    static Set<Integer> removeDuplicates(List<Integer> numbers) {
        return new LinkedHashSet<>(numbers);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        for (int number : removeDuplicates(numbers)) {
            System.out.println(number);
        }
    }
}
