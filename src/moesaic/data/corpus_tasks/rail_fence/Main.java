import java.util.Scanner;

public class Main {
    static String railFence(String word, int count) {
        StringBuilder[] rails = new StringBuilder[count];
        for (int i = 0; i < count; i++) {
            rails[i] = new StringBuilder();
        }
        int period = Math.max(1, 2 * (count - 1));
        for (int i = 0; i < word.length(); i++) {
            int offset = i % period;
            rails[Math.min(offset, period - offset) % count].append(word.charAt(i));
        }
        return String.join("", rails);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int count = in.nextInt();
        System.out.println(railFence(in.next(), count));
    }
}
