import java.util.Scanner;

public class Main {
    static String alternateCase(String text) {
        StringBuilder result = new StringBuilder();
        int letters = 0;
        for (char symbol : text.toCharArray()) {
            if (Character.isLetter(symbol)) {
                boolean upper = letters % 2 == 0;
                symbol = upper ? Character.toUpperCase(symbol) : Character.toLowerCase(symbol);
                letters++;
            }
            result.append(symbol);
        }
        return result.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(alternateCase(in.nextLine()));
    }
}
