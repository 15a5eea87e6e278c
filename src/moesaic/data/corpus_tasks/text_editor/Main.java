import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Scanner;

public class Main {
    static String textEditor(Scanner in) {
        Deque<String> undo = new ArrayDeque<>();
        String text = "";
        while (in.hasNext()) {
            switch (in.next()) {
                case "add" -> {
                    undo.push(text);
                    text += in.next();
                }
                case "cut" -> {
                    undo.push(text);
                    text = text.substring(0, Math.max(0, text.length() - in.nextInt()));
                }
                default -> text = undo.isEmpty() ? "" : undo.pop();
            }
        }
        return text;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String text = textEditor(in);
        System.out.println(text.isEmpty() ? "empty" : text);
    }
}
