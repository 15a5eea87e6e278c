import java.util.Map;
import java.util.Scanner;
import java.util.TreeMap;

public class Main {
    static Map<Character, Integer> letterCounts(String word) {
        Map<Character, Integer> counts = new TreeMap<>();
        for (char letter : word.toCharArray()) {
            counts.merge(letter, 1, Integer::sum);
        }
        return counts;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String word = in.nextLine();
        letterCounts(word).forEach((letter, count) -> System.out.println(letter + " " + count));
    }
}
