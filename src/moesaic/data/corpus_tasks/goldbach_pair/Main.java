import java.util.Scanner;
import java.util.stream.IntStream;

public class Main {
    static boolean isPrime(int number) {
        return number > 1 && IntStream.rangeClosed(2, number / 2).noneMatch(d -> number % d == 0);
    }

    static int goldbachPair(int number) {
        return IntStream.rangeClosed(2, number / 2)
            .filter(first -> isPrime(first) && isPrime(number - first))
            .findFirst()
            .getAsInt();
    }

    public static void main(String[] args) {
        int number = new Scanner(System.in).nextInt();
        int first = goldbachPair(number);
        System.out.println(first + " " + (number - first));
    }
}
