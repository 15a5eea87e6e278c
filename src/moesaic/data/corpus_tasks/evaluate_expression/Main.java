import java.util.Scanner;

public class Main {
    private final String text;
    private int position = 0;

    Main(String text) {
        this.text = text;
    }

    boolean accept(char symbol) {
        boolean isNext = position < text.length() && text.charAt(position) == symbol;
        position += isNext ? 1 : 0;
        return isNext;
    }

    int evaluateExpression() {
        int value = term();
        while (true) {
            if (accept('+')) {
                value += term();
            } else if (accept('-')) {
                value -= term();
            } else {
                return value;
            }
        }
    }

    int term() {
        int value = factor();
        while (accept('*'))
            value *= factor();
        return value;
    }

    int factor() {
        int value = 0;
        if (accept('(')) {
            value = evaluateExpression();
            accept(')');
        }
        while (position < text.length() && Character.isDigit(text.charAt(position))) {
            value = 10 * value + text.charAt(position++) - '0';
        }
        return value;
    }

    public static void main(String[] args) {
        System.out.println(new Main(new Scanner(System.in).next()).evaluateExpression());
    }
}
