import java.util.Scanner;
import java.util.StringJoiner;

public class Main {
    static String egyptianFraction(long numerator, long denominator) {
        StringJoiner parts = new StringJoiner(" ");
        while (numerator > 0) {
            long part = (denominator + numerator - 1) / numerator;
            parts.add(Long.toString(part));
            numerator = numerator * part - denominator;
            denominator *= part;
        }
        return parts.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        long numerator = in.nextLong();
        long denominator = in.nextLong();
        System.out.println(egyptianFraction(numerator, denominator));
    }
}
