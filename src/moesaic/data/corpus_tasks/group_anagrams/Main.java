import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Scanner;

public class Main {
    static String key(String word) {
        char[] letters = word.toCharArray();
        Arrays.sort(letters);
        return new String(letters);
    }

    static Map<String, List<String>> groupAnagrams(String[] words) {
        Map<String, List<String>> groups = new LinkedHashMap<>();
        for (String word : words) {
            groups.computeIfAbsent(key(word), k -> new ArrayList<>()).add(word);
        }
        return groups;
    }

    public static void main(String[] args) {
        String[] words = new Scanner(System.in).nextLine().split(" ");
        for (List<String> group : groupAnagrams(words).values()) {
            System.out.println(String.join(" ", group));
        }
    }
}
