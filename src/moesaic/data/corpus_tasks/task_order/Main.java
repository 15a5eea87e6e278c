import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Scanner;

public class Main {
    static List<Integer> taskOrder(int size, List<int[]> pairs) {
        int[] waits = new int[size + 1];
        pairs.forEach(pair -> waits[pair[1]]++);
        PriorityQueue<Integer> ready = new PriorityQueue<>();
        for (int task = 1; task <= size; task++) {
            if (waits[task] == 0) {
                ready.add(task);
            }
        }
        List<Integer> order = new ArrayList<>();
        while (!ready.isEmpty()) {
            int task = ready.remove();
            order.add(task);
            for (int[] pair : pairs) {
                if (pair[0] == task && --waits[pair[1]] == 0) {
                    ready.add(pair[1]);
                }
            }
        }
        return order;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int size = in.nextInt();
        List<int[]> pairs = new ArrayList<>();
        while (in.hasNextInt()) {
            pairs.add(new int[] {in.nextInt(), in.nextInt()});
        }
        taskOrder(size, pairs).forEach(System.out::println);
    }
}
