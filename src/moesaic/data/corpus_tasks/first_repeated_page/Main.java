import java.util.Arrays;
import java.util.HashSet;
import java.util.Scanner;
import java.util.Set;

public class Main {
    static String firstRepeatedPage(int[] links) {
        Set<Integer> visited = new HashSet<>();
        int page = 1;
        while (visited.add(page)) {
            page = links[page - 1];
        }
        return page + " " + visited.size();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String[] words = in.nextLine().split(" ");
        int[] links = Arrays.stream(words).mapToInt(Integer::parseInt).toArray();
        System.out.println(firstRepeatedPage(links));
    }
}
