import java.util.List;
import java.util.Scanner;

public class Main {
    static String joinNames(List<String> names) {
        int last = names.size() - 1;
        if (last == 0) {
            return names.get(0);
        }
        return String.join(", ", names.subList(0, last)) + " and " + names.get(last);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<String> names = List.of(in.nextLine().split(" "));
        System.out.println(joinNames(names));
    }
}
