import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Scanner;
import java.util.Set;

public class Main {
    record Road(String from, String to, int price) {}

    static int cheapestRoute(List<Road> roads, String start, String goal) {
        PriorityQueue<Road> queue = new PriorityQueue<>(Comparator.comparingInt(Road::price));
        Set<String> finished = new HashSet<>();
        queue.add(new Road(start, start, 0));
        while (!queue.isEmpty()) {
            Road best = queue.remove();
            if (best.to().equals(goal)) {
                return best.price();
            }
            if (finished.add(best.to())) {
                roads.stream()
                    .filter(road -> road.from().equals(best.to()))
                    .map(road -> new Road(start, road.to(), best.price() + road.price()))
                    .forEach(queue::add);
            }
        }
        return -1;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String start = in.next();
        String goal = in.next();
        List<Road> roads = new ArrayList<>();
        while (in.hasNext()) {
            Road road = new Road(in.next(), in.next(), in.nextInt());
            roads.add(road);
            roads.add(new Road(road.to(), road.from(), road.price()));
        }
        System.out.println(cheapestRoute(roads, start, goal));
    }
}
