import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;

public class Main {
    static boolean maps(String from, String to) {
        Map<Character, Character> letters = new HashMap<>();
        for (int i = 0; i < from.length(); i++) {
            Character known = letters.putIfAbsent(from.charAt(i), to.charAt(i));
            if (known != null && known != to.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    static boolean isomorphicWords(String first, String second) {
        return first.length() == second.length() && maps(first, second) && maps(second, first);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(isomorphicWords(in.next(), in.next()) ? "yes" : "no");
    }
}
