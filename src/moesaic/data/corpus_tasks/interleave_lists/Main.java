import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static List<String> interleaveLists(String[] first, String[] second) {
        List<String> result = new ArrayList<>();
        for (int i = 0; i < Math.max(first.length, second.length); i++) {
            if (i < first.length) {
                result.add(first[i]);
            }
            if (i < second.length) {
                result.add(second[i]);
            }
        }
        return result;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String[] first = in.nextLine().split(" ");
        String[] second = in.nextLine().split(" ");
        System.out.println(String.join(" ", interleaveLists(first, second)));
    }
}
