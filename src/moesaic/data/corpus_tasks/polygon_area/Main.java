import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    record Point(int x, int y) {}

    static double polygonArea(List<Point> corners) {
        int doubled = 0;
        for (int i = 0; i < corners.size(); i++) {
            Point start = corners.get(i);
            Point end = corners.get((i + 1) % corners.size());
            doubled += start.x() * end.y() - end.x() * start.y();
        }
        return Math.abs(doubled) / 2.0;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Point> corners = new ArrayList<>();
        while (in.hasNextInt()) {
            corners.add(new Point(in.nextInt(), in.nextInt()));
        }
        System.out.printf("%.1f%n", polygonArea(corners));
    }
}
