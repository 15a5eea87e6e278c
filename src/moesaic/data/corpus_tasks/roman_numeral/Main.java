import java.util.Scanner;

public class Main {
    static final int[] VALUES = {1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1};
    static final String[] SYMBOLS = "M CM D CD C XC L XL X IX V IV I".split(" ");

    static String romanNumeral(int number) {
        StringBuilder numeral = new StringBuilder();
        for (int i = 0; i < VALUES.length; i++) {
            while (number >= VALUES[i]) {
                numeral.append(SYMBOLS[i]);
                number -= VALUES[i];
            }
        }
        return numeral.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int number = in.nextInt();
        System.out.println(romanNumeral(number));
    }
}
