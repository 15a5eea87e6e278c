import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static int accountBalance(List<Integer> bookings) {
        int balance = 0;
        for (int booking : bookings) {
            if (balance + booking >= 0) {
                balance += booking;
            }
        }
        return balance;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Integer> bookings = new ArrayList<>();
        while (in.hasNextInt()) {
            bookings.add(in.nextInt());
        }
        System.out.println(accountBalance(bookings));
    }
}
