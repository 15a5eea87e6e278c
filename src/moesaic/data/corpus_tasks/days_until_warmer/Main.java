import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Scanner;
import java.util.stream.Collectors;

public class Main {
    static int[] daysUntilWarmer(int[] temperatures) {
        int[] waits = new int[temperatures.length];
        Deque<Integer> stack = new ArrayDeque<>();
        for (int day = 0; day < temperatures.length; day++) {
            while (!stack.isEmpty() && temperatures[stack.peek()] < temperatures[day]) {
                waits[stack.peek()] = day - stack.pop();
            }
            stack.push(day);
        }
        return waits;
    }

    public static void main(String[] args) {
        String[] words = new Scanner(System.in).nextLine().split(" ");
        int[] temperatures = Arrays.stream(words).mapToInt(Integer::parseInt).toArray();
        int[] waits = daysUntilWarmer(temperatures);
        System.out.println(
            Arrays.stream(waits).mapToObj(String::valueOf).collect(Collectors.joining(" ")));
    }
}
