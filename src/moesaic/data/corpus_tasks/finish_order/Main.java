import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Scanner;

public class Main {
    static List<Integer> finishOrder(List<Integer> times, int turn) {
        Queue<Integer> queue = new ArrayDeque<>();
        for (int job = 0; job < times.size(); job++) {
            queue.add(job);
        }
        List<Integer> finished = new ArrayList<>();
        while (!queue.isEmpty()) {
            int job = queue.remove();
            times.set(job, times.get(job) - turn);
            if (times.get(job) > 0) {
                queue.add(job);
            } else {
                finished.add(job + 1);
            }
        }
        return finished;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int turn = in.nextInt();
        List<Integer> times = new ArrayList<>();
        while (in.hasNextInt()) {
            times.add(in.nextInt());
        }
        for (int job : finishOrder(times, turn)) {
            System.out.println(job);
        }
    }
}
