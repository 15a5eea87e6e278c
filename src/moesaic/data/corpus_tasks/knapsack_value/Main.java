import java.util.Scanner;

public class Main {
    static int knapsackValue(Scanner items, int capacity) {
        int[] best = new int[capacity + 1];
        while (items.hasNextInt()) {
            int weight = items.nextInt();
            int value = items.nextInt();
            for (int room = capacity; room >= weight; room--) {
                best[room] = Math.max(best[room], best[room - weight] + value);
            }
        }
        return best[capacity];
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int capacity = in.nextInt();
        System.out.println(knapsackValue(in, capacity));
    }
}
