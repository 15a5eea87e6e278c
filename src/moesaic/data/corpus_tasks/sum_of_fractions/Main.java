import java.math.BigInteger;
import java.util.Scanner;

public class Main {
    record Fraction(BigInteger numerator, BigInteger denominator) {
        static Fraction parse(String text) {
            String[] parts = text.split("/");
            return new Fraction(new BigInteger(parts[0]), new BigInteger(parts[1]));
        }

        Fraction plus(Fraction other) {
            BigInteger top = numerator.multiply(other.denominator);
            return new Fraction(top.add(other.numerator.multiply(denominator)),
                denominator.multiply(other.denominator));
        }
    }

    static String sumOfFractions(Scanner fractions) {
        Fraction sum = Fraction.parse("0/1");
        while (fractions.hasNext()) {
            sum = sum.plus(Fraction.parse(fractions.next()));
        }
        BigInteger divisor = sum.numerator().gcd(sum.denominator());
        return sum.numerator().divide(divisor) + "/" + sum.denominator().divide(divisor);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(sumOfFractions(in));
    }
}
