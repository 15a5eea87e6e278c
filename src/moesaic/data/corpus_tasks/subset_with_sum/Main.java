import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static boolean subsetWithSum(List<Integer> weights, int target) {
        if (target == 0) {
            return true;
        }
        if (target < 0 || weights.isEmpty()) {
            return false;
        }
        List<Integer> rest = weights.subList(1, weights.size());
        return subsetWithSum(rest, target) || subsetWithSum(rest, target - weights.get(0));
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int target = in.nextInt();
        List<Integer> weights = new ArrayList<>();
        while (in.hasNextInt()) {
            weights.add(in.nextInt());
        }
        System.out.println(subsetWithSum(weights, target) ? "yes" : "no");
    }
}
