import java.util.Scanner;

public class Main {
    static long powerOfNumber(long base, int exponent) {
        if (exponent == 0) {
            return 1;
        }
        long half = powerOfNumber(base, exponent / 2);
        if (exponent % 2 == 0) {
            return half * half;
        }
        return half * half * base;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        long base = in.nextLong();
        int exponent = in.nextInt();
        System.out.println(powerOfNumber(base, exponent));
    }
}
