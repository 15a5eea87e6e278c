import java.util.Scanner;

public class Main {
    static int risingDays(Scanner prices) {
        int longest = 0;
        int days = 0;
        int yesterday = 0;
        while (prices.hasNextInt()) {
            int today = prices.nextInt();
            days = today > yesterday ? days + 1 : 1;
            longest = Math.max(longest, days);
            yesterday = today;
        }
        return longest;
    }

    public static void main(String[] args) {
        System.out.println(risingDays(new Scanner(System.in)));
    }
}
