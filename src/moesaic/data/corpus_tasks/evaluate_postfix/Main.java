import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Scanner;
import java.util.function.IntBinaryOperator;

public class Main {
    static final Map<String, IntBinaryOperator> OPERATORS =
        Map.of("+", Integer::sum, "-", (a, b) -> a - b, "*", (a, b) -> a* b);

    static int evaluatePostfix(Scanner words) {
        Deque<Integer> stack = new ArrayDeque<>();
        while (words.hasNext()) {
            String word = words.next();
            IntBinaryOperator operator = OPERATORS.get(word);
            if (operator == null) {
                stack.push(Integer.parseInt(word));
            } else {
                int right = stack.pop();
                stack.push(operator.applyAsInt(stack.pop(), right));
            }
        }
        return stack.pop();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(evaluatePostfix(in));
    }
}
