import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.Scanner;

public class Main {
    record Document(String name, int priority, int number) {}

    static void printerQueue(Scanner in) {
        PriorityQueue<Document> queue =
            new PriorityQueue<>(Comparator.comparingInt(Document::priority)
                    .reversed()
                    .thenComparingInt(Document::number));
        int number = 0;
        while (in.hasNext()) {
            if (in.next().equals("add")) {
                queue.add(new Document(in.next(), in.nextInt(), number++));
            } else {
                System.out.println(queue.isEmpty() ? "idle" : queue.remove().name());
            }
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        printerQueue(in);
    }
}
