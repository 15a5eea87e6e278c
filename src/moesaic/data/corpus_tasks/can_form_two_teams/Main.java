import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Scanner;

public class Main {
    static boolean canFormTwoTeams(boolean[][] rivals) {
        int[] teams = new int[rivals.length];
        for (int first = 1; first < rivals.length; first++) {
            if (teams[first] != 0) {
                continue;
            }
            teams[first] = 1;
            Deque<Integer> players = new ArrayDeque<>();
            players.add(first);
            while (!players.isEmpty()) {
                int player = players.remove();
                for (int rival = 1; rival < rivals.length; rival++) {
                    if (rivals[player][rival] && teams[rival] == teams[player]) {
                        return false;
                    }
                    if (rivals[player][rival] && teams[rival] == 0) {
                        teams[rival] = 3 - teams[player];
                        players.add(rival);
                    }
                }
            }
        }
        return true;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int size = in.nextInt() + 1;
        boolean[][] rivals = new boolean[size][size];
        while (in.hasNextInt()) {
            int first = in.nextInt();
            int second = in.nextInt();
            rivals[first][second] = rivals[second][first] = true;
        }
        System.out.println(canFormTwoTeams(rivals) ? "yes" : "no");
    }
}
