import java.util.Scanner;

public class Main {
    static String capitalizeWords(String text) {
        char[] letters = text.toCharArray();
        for (int i = 0; i < letters.length; i++) {
            if (i == 0 || letters[i - 1] == ' ') {
                letters[i] = Character.toUpperCase(letters[i]);
            }
        }
        return new String(letters);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String text = in.nextLine();
        System.out.println(capitalizeWords(text));
    }
}
