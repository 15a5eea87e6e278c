import java.util.HashSet;
import java.util.Scanner;
import java.util.Set;

public class Main {
    static boolean hasZeroSumRun(Scanner numbers) {
        Set<Integer> sums = new HashSet<>(Set.of(0));
        int sum = 0;
        while (numbers.hasNextInt()) {
            sum += numbers.nextInt();
            if (!sums.add(sum)) {
                return true;
            }
        }
        return false;
    }

    public static void main(String[] args) {
        System.out.println(hasZeroSumRun(new Scanner(System.in)) ? "yes" : "no");
    }
}
