import java.util.ArrayDeque;
import java.util.Queue;
import java.util.Scanner;

public class Main {
    static int recentCalls(Queue<Integer> queue, int time) {
        queue.add(time);
        while (queue.element() <= time - 60) {
            queue.remove();
        }
        return queue.size();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Queue<Integer> queue = new ArrayDeque<>();
        while (in.hasNextInt()) {
            System.out.println(recentCalls(queue, in.nextInt()));
        }
    }
}
