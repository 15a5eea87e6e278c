import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static List<Integer> rotateList(List<Integer> numbers, int steps) {
        steps %= numbers.size();
        List<Integer> rotated = new ArrayList<>(numbers.subList(steps, numbers.size()));
        rotated.addAll(numbers.subList(0, steps));
        return rotated;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int steps = in.nextInt();
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        for (int number : rotateList(numbers, steps)) {
            System.out.println(number);
        }
    }
}
