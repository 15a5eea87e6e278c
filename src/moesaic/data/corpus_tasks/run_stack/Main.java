import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Scanner;

public class Main {
    static void runStack(Scanner in) {
        Deque<Integer> stack = new ArrayDeque<>();
        while (in.hasNext()) {
            if (in.next().equals("push")) {
                stack.push(in.nextInt());
            } else if (!stack.isEmpty()) {
                System.out.println(stack.pop());
            } else {
                System.out.println("empty");
            }
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        runStack(in);
    }
}
