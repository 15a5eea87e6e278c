import java.util.Scanner;

public class Main {
    static String caesarCipher(String text, int key) {
        StringBuilder result = new StringBuilder();
        for (char letter : text.toCharArray()) {
            if (letter >= 'a' && letter <= 'z') {
                letter = (char) ((letter - 'a' + key) % 26 + 'a');
            }
            result.append(letter);
        }
        return result.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int key = Integer.parseInt(in.nextLine());
        String text = in.nextLine();
        System.out.println(caesarCipher(text, key));
    }
}
