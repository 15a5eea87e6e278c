import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Scanner;

public class Main {
    static String simplifyPath(String path) {
        Deque<String> names = new ArrayDeque<>();
        for (String name : path.split("/")) {
            switch (name) {
                case "", "." -> {
                }
                case ".." -> names.pollLast();
                default -> names.addLast(name);
            }
        }
        return "/" + String.join("/", names);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(simplifyPath(in.nextLine()));
    }
}
