import java.util.Scanner;

public class Main {
    static long diceSumWays(int dice, int total) {
        long[] ways = new long[total + 1];
        ways[0] = 1;
        for (int die = 0; die < dice; die++) {
            long[] next = new long[total + 1];
            for (int points = 1; points <= total; points++) {
                for (int face = 1; face <= 6 && face <= points; face++) {
                    next[points] += ways[points - face];
                }
            }
            ways = next;
        }
        return ways[total];
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int dice = in.nextInt();
        int total = in.nextInt();
        System.out.println(diceSumWays(dice, total));
    }
}
