import java.time.LocalTime;
import java.util.Scanner;

public class Main {
    static int gcd(int a, int b) {
        return b == 0 ? a : gcd(b, a % b);
    }

    static LocalTime nextDeparture(Scanner intervals) {
        int multiple = 1;
        while (intervals.hasNextInt()) {
            int interval = intervals.nextInt();
            multiple = multiple / gcd(multiple, interval) * interval;
        }
        return LocalTime.of(8, 0).plusMinutes(multiple);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(nextDeparture(in));
    }
}
