import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.util.Scanner;

public class Main {
    static long daysBetweenDates(LocalDate first, LocalDate second) {
        return Math.abs(ChronoUnit.DAYS.between(first, second));
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        LocalDate first = LocalDate.parse(in.next());
        LocalDate second = LocalDate.parse(in.next());
        System.out.println(daysBetweenDates(first, second));
    }
}
