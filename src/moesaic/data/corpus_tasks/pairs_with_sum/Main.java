import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static int pairsWithSum(List<Integer> numbers, int target) {
        int count = 0;
        for (int i = 0; i < numbers.size(); i++) {
            for (int j = i + 1; j < numbers.size(); j++) {
                if (numbers.get(i) + numbers.get(j) == target) {
                    count++;
                }
            }
        }
        return count;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int target = in.nextInt();
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        System.out.println(pairsWithSum(numbers, target));
    }
}
