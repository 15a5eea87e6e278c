import java.util.Arrays;
import java.util.Scanner;

public class Main {
    static boolean areAnagrams(String first, String second) {
        char[] firstLetters = first.toCharArray();
        char[] secondLetters = second.toCharArray();
        Arrays.sort(firstLetters);
        Arrays.sort(secondLetters);
        return Arrays.equals(firstLetters, secondLetters);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String first = in.nextLine();
        String second = in.nextLine();
        System.out.println(areAnagrams(first, second) ? "yes" : "no");
    }
}
