import java.util.HashSet;
import java.util.Scanner;
import java.util.Set;

public class Main {
    static int commonNumbers(Set<Integer> first, Set<Integer> second) {
        Set<Integer> common = new HashSet<>(first);
        common.retainAll(second);
        return common.size();
    }

    static Set<Integer> readNumbers(String line) {
        Set<Integer> numbers = new HashSet<>();
        for (String word : line.split(" ")) {
            numbers.add(Integer.parseInt(word));
        }
        return numbers;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Set<Integer> first = readNumbers(in.nextLine());
        Set<Integer> second = readNumbers(in.nextLine());
        System.out.println(commonNumbers(first, second));
    }
}
