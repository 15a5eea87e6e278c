import java.util.Scanner;

public class Main {
    static long fibonacciNumber(int n) {
        long current = 0;
        long following = 1;
        for (int i = 0; i < n; i++) {
            long sum = current + following;
            current = following;
            following = sum;
        }
        return current;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int n = in.nextInt();
        System.out.println(fibonacciNumber(n));
    }
}
