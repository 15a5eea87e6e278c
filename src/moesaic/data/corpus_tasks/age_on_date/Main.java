import java.time.LocalDate;
import java.time.Period;
import java.time.format.DateTimeFormatter;
import java.util.Scanner;

public class Main {
    static final DateTimeFormatter FORMAT = DateTimeFormatter.ofPattern("dd.MM.yyyy");

    static int ageOnDate(LocalDate birth, LocalDate date) {
        return Period.between(birth, date).getYears();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        LocalDate birth = LocalDate.parse(in.nextLine(), FORMAT);
        LocalDate date = LocalDate.parse(in.nextLine(), FORMAT);
        System.out.println(ageOnDate(birth, date));
    }
}
