import java.util.Scanner;

public class Main {
    static String missingLetters(String text) {
        boolean[] present = new boolean[26];
        for (char symbol : text.toLowerCase().toCharArray()) {
            if (symbol >= 'a' && symbol <= 'z') {
                present[symbol - 'a'] = true;
            }
        }
        StringBuilder missing = new StringBuilder();
        for (int i = 0; i < 26; i++) {
            if (!present[i]) {
                missing.append((char) ('a' + i));
            }
        }
        return missing.toString();
    }

    public static void main(String[] args) {
        String missing = missingLetters(new Scanner(System.in).nextLine());
        System.out.println(missing.isEmpty() ? "pangram" : missing);
    }
}
