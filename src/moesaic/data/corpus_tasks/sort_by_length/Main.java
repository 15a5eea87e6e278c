import java.util.Arrays;
import java.util.Comparator;
import java.util.Scanner;

public class Main {
    static void sortByLength(String[] words) {
        Arrays.sort(words);
        Arrays.sort(words, Comparator.comparing(String::length));
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String[] words = in.nextLine().split(" ");
        sortByLength(words);
        for (String word : words) {
            System.out.println(word);
        }
    }
}
