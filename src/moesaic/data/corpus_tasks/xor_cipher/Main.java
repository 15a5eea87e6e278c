import java.util.Scanner;

public class Main {
    static String xorCipher(String text, String key) {
        StringBuilder encrypted = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            int code = text.charAt(i) ^ key.charAt(i % key.length());
            encrypted.append(String.format("%02x", code));
        }
        return encrypted.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String key = in.nextLine();
        String text = in.nextLine();
        System.out.println(xorCipher(text, key));
    }
}
