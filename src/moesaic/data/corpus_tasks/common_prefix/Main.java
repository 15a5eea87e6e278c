import java.util.Scanner;

public class Main {
    static String commonPrefix(String[] words) {
        String prefix = words[0];
        for (String word : words) {
            while (!word.startsWith(prefix)) {
                prefix = prefix.substring(0, prefix.length() - 1);
            }
        }
        return prefix;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String prefix = commonPrefix(in.nextLine().split(" "));
        System.out.println(prefix.isEmpty() ? "none" : prefix);
    }
}
