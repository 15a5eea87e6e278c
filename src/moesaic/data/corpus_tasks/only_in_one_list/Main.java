import java.util.Arrays;
import java.util.List;
import java.util.Scanner;
import java.util.Set;
import java.util.TreeSet;

public class Main {
    static Set<String> onlyInOneList(List<String> first, List<String> second) {
        Set<String> names = new TreeSet<>(first);
        names.addAll(second);
        names.removeIf(name -> first.contains(name) && second.contains(name));
        return names;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<String> first = Arrays.asList(in.nextLine().split(" "));
        List<String> second = Arrays.asList(in.nextLine().split(" "));
        Set<String> names = onlyInOneList(first, second);
        System.out.println(names.isEmpty() ? "equal" : String.join("\n", names));
    }
}
