import java.time.LocalDate;
import java.time.format.TextStyle;
import java.util.Locale;
import java.util.Scanner;

public class Main {
    static String weekdayOfDate(int year, int month, int day) {
        LocalDate date = LocalDate.of(year, month, day);
        return date.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(weekdayOfDate(in.nextInt(), in.nextInt(), in.nextInt()));
    }
}
