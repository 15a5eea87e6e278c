import java.util.Scanner;

public class Main {
    static int eulerTotient(int n) {
        int totient = n;
        for (int p = 2; p * p <= n; p++) {
            if (n % p != 0) {
                continue;
            }
            totient = totient / p * (p - 1);
            while (n % p == 0) {
                n /= p;
            }
        }
        return n > 1 ? totient / n * (n - 1) : totient;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int n = in.nextInt();
        System.out.println(eulerTotient(n));
    }
}
