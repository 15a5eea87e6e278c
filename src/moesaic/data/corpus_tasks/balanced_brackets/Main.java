import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Scanner;

public class Main {
    static boolean balancedBrackets(String text) {
        Deque<Character> stack = new ArrayDeque<>();
        for (char symbol : text.toCharArray()) {
            if ("([{".indexOf(symbol) >= 0) {
                stack.push(")]}".charAt("([{".indexOf(symbol)));
            } else if (")]}".indexOf(symbol) >= 0) {
                if (stack.isEmpty() || stack.pop() != symbol) {
                    return false;
                }
            }
        }
        return stack.isEmpty();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String text = in.nextLine();
        System.out.println(balancedBrackets(text) ? "yes" : "no");
    }
}
