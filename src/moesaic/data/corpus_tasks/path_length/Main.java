import java.util.Scanner;

public class Main {
    static double pathLength(Scanner in) {
        double length = 0;
        double x = in.nextDouble();
        double y = in.nextDouble();
        while (in.hasNextDouble()) {
            double nextX = in.nextDouble();
            double nextY = in.nextDouble();
            length += Math.hypot(nextX - x, nextY - y);
            x = nextX;
            y = nextY;
        }
        return length;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.printf("%.2f%n", pathLength(in));
    }
}
