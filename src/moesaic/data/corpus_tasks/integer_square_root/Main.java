import java.util.Scanner;

public class Main {
    static long integerSquareRoot(long number) {
        long low = 0;
        long high = number + 1;
        while (high - low > 1) {
            long middle = low + (high - low) / 2;
            if (middle * middle > number) {
                high = middle;
            } else {
                low = middle;
            }
        }
        return low;
    }

    public static void main(String[] args) {
        long number = new Scanner(System.in).nextLong();
        System.out.println(integerSquareRoot(number));
    }
}
