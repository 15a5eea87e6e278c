import java.util.ArrayDeque;
import java.util.Queue;
import java.util.Scanner;
import java.util.StringJoiner;

public class Main {
    static String lastSurvivor(int children, int k) {
        Queue<Integer> circle = new ArrayDeque<>();
        for (int child = 1; child <= children; child++) {
            circle.add(child);
        }
        StringJoiner order = new StringJoiner(" ");
        while (!circle.isEmpty()) {
            for (int count = 1; count < k; count++) {
                circle.add(circle.remove());
            }
            order.add(circle.remove().toString());
        }
        return order.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(lastSurvivor(in.nextInt(), in.nextInt()));
    }
}
