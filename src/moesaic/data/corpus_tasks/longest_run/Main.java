import java.util.Scanner;

public class Main {
    static String longestRun(String word) {
        char best = word.charAt(0);
        int bestLength = 0;
        int length = 0;
        for (int i = 0; i < word.length(); i++) {
            length = i > 0 && word.charAt(i) == word.charAt(i - 1) ? length + 1 : 1;
            if (length > bestLength) {
                bestLength = length;
                best = word.charAt(i);
            }
        }
        return best + " " + bestLength;
    }

    public static void main(String[] args) {
        System.out.println(longestRun(new Scanner(System.in).next()));
    }
}
