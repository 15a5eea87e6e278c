import java.util.Scanner;

public class Main {
    static String decimalToBinary(int number) {
        String digits = "";
        while (number > 0) {
            digits = number % 2 + digits;
            number /= 2;
        }
        return digits.isEmpty() ? "0" : digits;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int number = in.nextInt();
        System.out.println(decimalToBinary(number));
    }
}
