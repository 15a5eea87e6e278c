import java.util.Scanner;

public class Main {
    static boolean isValidCardNumber(String number) {
        int sum = 0;
        boolean isDoubled = false;
        for (int i = number.length() - 1; i >= 0; i--) {
            if (!Character.isDigit(number.charAt(i))) {
                continue;
            }
            int digit = Character.getNumericValue(number.charAt(i));
            if (isDoubled) {
                digit *= 2;
            }
            sum += digit > 9 ? digit - 9 : digit;
            isDoubled = !isDoubled;
        }
        return sum % 10 == 0;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(isValidCardNumber(in.nextLine()) ? "yes" : "no");
    }
}
