import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Scanner;

public class Main {
    static void browserHistory(Scanner in) {
        Deque<String> before = new ArrayDeque<>();
        Deque<String> ahead = new ArrayDeque<>();
        String page = "home";
        while (in.hasNext()) {
            String command = in.next();
            if (command.equals("open")) {
                before.push(page);
                ahead.clear();
                page = in.next();
            } else if (command.equals("back") && !before.isEmpty()) {
                ahead.push(page);
                page = before.pop();
            } else if (command.equals("forward") && !ahead.isEmpty()) {
                before.push(page);
                page = ahead.pop();
            }
            System.out.println(page);
        }
    }

    public static void main(String[] args) {
        browserHistory(new Scanner(System.in));
    }
}
