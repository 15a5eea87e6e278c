import java.util.Scanner;
import java.util.Set;

public class Main {
    private static final Set<String> SMALL_WORDS = Set.of("and", "of", "the");

    static String acronymOfPhrase(String phrase) {
        String acronym = "";
        for (String word : phrase.toLowerCase().split(" ")) {
            if (!SMALL_WORDS.contains(word)) {
                acronym += word.charAt(0);
            }
        }
        return acronym.toUpperCase();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(acronymOfPhrase(in.nextLine()));
    }
}
