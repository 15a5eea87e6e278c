import java.util.Scanner;

public class Main {
    static int countVowels(String text) {
        int count = 0;
        for (char letter : text.toLowerCase().toCharArray()) {
            if ("aeiou".indexOf(letter) >= 0) {
                count++;
            }
        }
        return count;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String text = in.nextLine();
        System.out.println(countVowels(text));
    }
}
