import java.util.Arrays;
import java.util.Scanner;

public class Main {
    static int kaprekarSteps(int number) {
        if (number == 6174) {
            return 0;
        }
        char[] digits = String.format("%04d", number).toCharArray();
        Arrays.sort(digits);
        StringBuilder ascending = new StringBuilder().append(digits);
        int small = Integer.parseInt(ascending.toString());
        int large = Integer.parseInt(ascending.reverse().toString());
        return 1 + kaprekarSteps(large - small);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(kaprekarSteps(in.nextInt()));
    }
}
