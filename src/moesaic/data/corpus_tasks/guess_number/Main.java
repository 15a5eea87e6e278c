import java.util.Scanner;

public class Main {
    static String guessNumber(int low, int high, int secret) {
        int guess = (low + high) / 2;
        if (guess == secret) {
            return String.valueOf(guess);
        }
        String others = guess < secret ? guessNumber(guess + 1, high, secret)
                                       : guessNumber(low, guess - 1, secret);
        return guess + " " + others;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(guessNumber(1, in.nextInt(), in.nextInt()));
    }
}
