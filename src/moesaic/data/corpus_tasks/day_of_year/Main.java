import java.util.Scanner;

public class Main {
    static final int[] LENGTHS = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    static int dayOfYear(int year, int month, int day) {
        for (int before = 0; before < month - 1; before++) {
            day += LENGTHS[before];
        }
        boolean isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
        return isLeap && month > 2 ? day + 1 : day;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in).useDelimiter("[-\\s]");
        System.out.println(dayOfYear(in.nextInt(), in.nextInt(), in.nextInt()));
    }
}
