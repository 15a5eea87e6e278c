import java.util.Scanner;

public class Main {
    record Rectangle(int left, int lower, int right, int upper) {
        static Rectangle read(Scanner in) {
            return new Rectangle(in.nextInt(), in.nextInt(), in.nextInt(), in.nextInt());
        }

        int overlapArea(Rectangle other) {
            int width = Math.min(right, other.right) - Math.max(left, other.left);
            int height = Math.min(upper, other.upper) - Math.max(lower, other.lower);
            return width > 0 && height > 0 ? width * height : 0;
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Rectangle first = Rectangle.read(in);
        Rectangle second = Rectangle.read(in);
        System.out.println(first.overlapArea(second));
    }
}
