import java.util.Scanner;

public class Main {
    static void rulerMarks(int depth) {
        if (depth > 0) {
            rulerMarks(depth - 1);
            System.out.println("-".repeat(depth));
            rulerMarks(depth - 1);
        }
    }

    public static void main(String[] args) {
        rulerMarks(new Scanner(System.in).nextInt());
    }
}
