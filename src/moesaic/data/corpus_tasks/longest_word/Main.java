import java.util.Scanner;

public class Main {
    static String longestWord(String text) {
        String longest = "";
        for (String word : text.split(" ")) {
            if (word.length() > longest.length()) {
                longest = word;
            }
        }
        return longest;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String text = in.nextLine();
        System.out.println(longestWord(text));
    }
}
