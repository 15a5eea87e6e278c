import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Scanner;

public class Main {
    static List<Integer> movingMaximum(List<Integer> numbers, int size) {
        List<Integer> maximums = new ArrayList<>();
        for (int end = size; end <= numbers.size(); end++) {
            maximums.add(Collections.max(numbers.subList(end - size, end)));
        }
        return maximums;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int size = in.nextInt();
        List<Integer> numbers = new ArrayList<>();
        while (in.hasNextInt()) {
            numbers.add(in.nextInt());
        }
        List<Integer> maximums = movingMaximum(numbers, size);
        System.out.println(maximums.toString().replaceAll("[\\[\\],]", ""));
    }
}
