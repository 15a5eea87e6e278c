import java.util.Scanner;

public class Main {
    static int cheapestClimb(Scanner costs) {
        int beforeLast = 0;
        int last = 0;
        while (costs.hasNextInt()) {
            int current = costs.nextInt() + Math.min(beforeLast, last);
            beforeLast = last;
            last = current;
        }
        return Math.min(beforeLast, last);
    }

    public static void main(String[] args) {
        System.out.println(cheapestClimb(new Scanner(System.in)));
    }
}
