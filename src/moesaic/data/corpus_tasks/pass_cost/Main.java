import java.util.Scanner;
import java.util.stream.Stream;

public class Main {
    static int passCost(int[] days, int dayTicket, int weekPass) {
        int[] costs = new int[days.length + 1];
        for (int i = days.length - 1; i >= 0; i--) {
            int afterPass = i;
            while (afterPass < days.length && days[afterPass] < days[i] + 7) {
                afterPass++;
            }
            costs[i] = Math.min(costs[i + 1] + dayTicket, costs[afterPass] + weekPass);
        }
        return costs[0];
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int dayTicket = in.nextInt();
        int weekPass = in.nextInt();
        in.nextLine();
        int[] days = Stream.of(in.nextLine().split(" ")).mapToInt(Integer::parseInt).toArray();
        System.out.println(passCost(days, dayTicket, weekPass));
    }
}
