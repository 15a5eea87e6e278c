import java.util.HashMap;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Scanner;

public class Main {
    static void parkingLot(Scanner in) {
        PriorityQueue<Integer> free = new PriorityQueue<>();
        for (int place = in.nextInt(); place > 0; place--) {
            free.add(place);
        }
        Map<String, Integer> places = new HashMap<>();
        while (in.hasNext()) {
            String command = in.next();
            String car = in.next();
            if (command.equals("out")) {
                int place = places.remove(car);
                free.add(place);
                System.out.println(place);
            } else if (free.isEmpty()) {
                System.out.println("full");
            } else {
                places.put(car, free.poll());
                System.out.println(places.get(car));
            }
        }
    }

    public static void main(String[] args) {
        parkingLot(new Scanner(System.in));
    }
}
