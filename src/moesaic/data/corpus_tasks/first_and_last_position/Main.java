import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static int countBelow(List<Integer> numbers, int limit) {
        int low = 0;
        int high = numbers.size();
        while (low < high) {
            int middle = (low + high) / 2;
            if (numbers.get(middle) < limit) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    static String firstAndLastPosition(List<Integer> numbers, int target) {
        int first = countBelow(numbers, target) + 1;
        int last = countBelow(numbers, target + 1);
        return first > last ? "absent" : first + " " + last;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int target = in.nextInt();
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        System.out.println(firstAndLastPosition(numbers, target));
    }
}
