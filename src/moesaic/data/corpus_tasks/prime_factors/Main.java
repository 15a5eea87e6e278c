import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static List<Integer> primeFactors(int number) {
        List<Integer> factors = new ArrayList<>();
        for (int divisor = 2; divisor * divisor <= number; divisor++) {
            while (number % divisor == 0) {
                factors.add(divisor);
                number /= divisor;
            }
        }
        if (number > 1) {
            factors.add(number);
        }
        return factors;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int number = in.nextInt();
        for (int factor : primeFactors(number)) {
            System.out.println(factor);
        }
    }
}
