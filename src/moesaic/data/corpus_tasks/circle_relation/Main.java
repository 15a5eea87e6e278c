import java.util.Scanner;

public class Main {
    record Circle(int x, int y, int radius) {}

    static int square(int number) {
        return number * number;
    }

    static String circleRelation(Circle a, Circle b) {
        int distance = square(a.x() - b.x()) + square(a.y() - b.y());
        int outer = square(a.radius() + b.radius());
        int inner = square(a.radius() - b.radius());
        if (distance == outer || distance == inner) {
            return "touching";
        }
        if (distance > outer) {
            return "apart";
        }
        return distance < inner ? "inside" : "crossing";
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Circle first = new Circle(in.nextInt(), in.nextInt(), in.nextInt());
        Circle second = new Circle(in.nextInt(), in.nextInt(), in.nextInt());
        System.out.println(circleRelation(first, second));
    }
}
