import java.util.Scanner;

public class Main {
    static String dailyChanges(int yesterday, int today) {
        int change = today - yesterday;
        return change > 0 ? "+" + change : String.valueOf(change);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int yesterday = in.nextInt();
        while (in.hasNextInt()) {
            int today = in.nextInt();
            System.out.println(dailyChanges(yesterday, today));
            yesterday = today;
        }
    }
}
