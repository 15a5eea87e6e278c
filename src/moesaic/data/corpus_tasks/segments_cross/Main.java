import java.util.Scanner;

public class Main {
    record Point(int x, int y) {
        static Point read(Scanner in) {
            return new Point(in.nextInt(), in.nextInt());
        }
    }

    static int side(Point a, Point b, Point p) {
        return Integer.signum((b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x));
    }

    static boolean segmentsCross(Point a, Point b, Point c, Point d) {
        return side(a, b, c) * side(a, b, d) == -1 && side(c, d, a) * side(c, d, b) == -1;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Point a = Point.read(in);
        Point b = Point.read(in);
        Point c = Point.read(in);
        Point d = Point.read(in);
        System.out.println(segmentsCross(a, b, c, d) ? "yes" : "no");
    }
}
