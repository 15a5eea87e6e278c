import java.util.Scanner;

public class Main {
    private static final int[] CALLS = {0, 15, 30, 40};

    static String tennisScore(String points) {
        int a = points.replace("B", "").length();
        int b = points.length() - a;
        if (a < 4 && b < 4 && a + b < 6) {
            return CALLS[a] + "-" + CALLS[b];
        }
        if (a == b) {
            return "deuce";
        }
        String leader = a > b ? "A" : "B";
        return (Math.abs(a - b) == 1 ? "advantage " : "game ") + leader;
    }

    public static void main(String[] args) {
        System.out.println(tennisScore(new Scanner(System.in).next()));
    }
}
