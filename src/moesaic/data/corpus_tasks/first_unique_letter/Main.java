import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Scanner;

public class Main {
    static String firstUniqueLetter(String word) {
        Map<Character, Integer> counts = new LinkedHashMap<>();
        for (char letter : word.toCharArray()) {
            counts.merge(letter, 1, Integer::sum);
        }
        for (Map.Entry<Character, Integer> entry : counts.entrySet()) {
            if (entry.getValue() == 1) {
                return entry.getKey() + " " + (word.indexOf(entry.getKey()) + 1);
            }
        }
        return "none";
    }

    public static void main(String[] args) {
        System.out.println(firstUniqueLetter(new Scanner(System.in).next()));
    }
}
