import java.util.Scanner;
import java.util.Set;
import java.util.TreeSet;

public class Main {
    static void permutationsOfWord(String start, String rest, Set<String> orders) {
        if (rest.isEmpty()) {
            orders.add(start);
        }
        for (int i = 0; i < rest.length(); i++) {
            String others = rest.substring(0, i) + rest.substring(i + 1);
            permutationsOfWord(start + rest.charAt(i), others, orders);
        }
    }

    public static void main(String[] args) {
        Set<String> orders = new TreeSet<>();
        permutationsOfWord("", new Scanner(System.in).next(), orders);
        orders.forEach(System.out::println);
    }
}
