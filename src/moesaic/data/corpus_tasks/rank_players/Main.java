import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Scanner;

public class Main {
    record Player(String name, int points) {}

    static void rankPlayers(List<Player> players) {
        players.sort(Comparator.comparing(Player::points).reversed().thenComparing(Player::name));
        int rank = 1;
        for (int i = 0; i < players.size(); i++) {
            if (i > 0 && players.get(i).points() < players.get(i - 1).points()) {
                rank = i + 1;
            }
            System.out.println(rank + " " + players.get(i).name());
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int count = in.nextInt();
        List<Player> players = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            players.add(new Player(in.next(), in.nextInt()));
        }
        rankPlayers(players);
    }
}
