import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static int binarySearch(List<Integer> numbers, int target) {
        int low = 0;
        int high = numbers.size() - 1;
        while (low <= high) {
            int middle = (low + high) / 2;
            if (numbers.get(middle) == target) {
                return middle;
            }
            if (numbers.get(middle) < target) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return -1;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int target = in.nextInt();
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        System.out.println(binarySearch(numbers, target));
    }
}
