import java.util.Scanner;

public class Main {
    static String hideCardNumber(String number) {
        char[] symbols = number.toCharArray();
        int visible = 4;
        for (int i = symbols.length - 1; i >= 0; i--) {
            if (!Character.isDigit(symbols[i])) {
                continue;
            }
            if (visible > 0) {
                visible--;
            } else {
                symbols[i] = '*';
            }
        }
        return new String(symbols);
    }

    public static void main(String[] args) {
        String number = new Scanner(System.in).nextLine();
        System.out.println(hideCardNumber(number));
    }
}
