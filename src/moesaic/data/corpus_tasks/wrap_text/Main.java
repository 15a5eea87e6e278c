import java.util.Scanner;

public class Main {
    static String wrapText(String text, int width) {
        StringBuilder wrapped = new StringBuilder();
        int used = 0;
        for (String word : text.split(" ")) {
            if (used > 0 && used + 1 + word.length() <= width) {
                wrapped.append(' ');
                used++;
            } else if (used > 0) {
                wrapped.append('\n');
                used = 0;
            }
            wrapped.append(word);
            used += word.length();
        }
        return wrapped.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int width = Integer.parseInt(in.nextLine());
        System.out.println(wrapText(in.nextLine(), width));
    }
}
