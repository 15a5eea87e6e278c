import java.util.Scanner;

public class Main {
    static String pigLatin(String word) {
        int start = 0;
        while (start < word.length() && "aeiou".indexOf(word.charAt(start)) < 0) {
            start++;
        }
        if (start == 0) {
            return word + "way";
        }
        return word.substring(start) + word.substring(0, start) + "ay";
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        StringBuilder translation = new StringBuilder();
        while (in.hasNext()) {
            translation.append(pigLatin(in.next())).append(" ");
        }
        System.out.println(translation.toString().trim());
    }
}
