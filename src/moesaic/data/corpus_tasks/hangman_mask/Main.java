import java.util.Scanner;

public class Main {
    static String hangmanMask(String word, String guesses) {
        String mask = "";
        for (char letter : word.toCharArray()) {
            mask += guesses.indexOf(letter) >= 0 ? letter : '_';
        }
        return mask;
    }

    static long wrongGuesses(String word, String guesses) {
        return guesses.chars().filter(guess -> word.indexOf(guess) < 0).count();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String word = in.next();
        String guesses = in.next();
        System.out.println(hangmanMask(word, guesses));
        System.out.println(wrongGuesses(word, guesses));
    }
}
