import java.util.Scanner;
import java.util.TreeSet;

public class Main {
    static int missingTickets(TreeSet<Integer> tickets) {
        int missing = 0;
        for (int ticket = tickets.first(); ticket < tickets.last(); ticket++) {
            if (!tickets.contains(ticket)) {
                System.out.println(ticket);
                missing++;
            }
        }
        return missing;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        TreeSet<Integer> tickets = new TreeSet<>();
        while (in.hasNextInt()) {
            tickets.add(in.nextInt());
        }
        if (missingTickets(tickets) == 0) {
            System.out.println("complete");
        }
    }
}
