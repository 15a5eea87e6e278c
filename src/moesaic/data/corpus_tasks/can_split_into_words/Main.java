import java.util.Scanner;
import java.util.Set;

public class Main {
    static boolean canSplitIntoWords(String text, Set<String> words) {
        boolean[] reachable = new boolean[text.length() + 1];
        reachable[0] = true;
        for (int end = 1; end <= text.length(); end++) {
            for (int start = 0; start < end; start++) {
                if (reachable[start] && words.contains(text.substring(start, end))) {
                    reachable[end] = true;
                }
            }
        }
        return reachable[text.length()];
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Set<String> words = Set.of(in.nextLine().split(" "));
        String text = in.nextLine();
        System.out.println(canSplitIntoWords(text, words) ? "yes" : "no");
    }
}
