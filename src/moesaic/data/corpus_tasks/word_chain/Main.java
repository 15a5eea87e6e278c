import java.util.Scanner;

public class Main {
    static boolean wordChain(String[] words) {
        for (int i = 1; i < words.length; i++) {
            String before = words[i - 1];
            if (before.charAt(before.length() - 1) != words[i].charAt(0)) {
                return false;
            }
        }
        return true;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String[] words = in.nextLine().split(" ");
        System.out.println(wordChain(words) ? "yes" : "no");
    }
}
