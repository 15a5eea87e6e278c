import java.util.Scanner;

public class Main {
    private final int[] leaders;
    private int groups;

    Main(int people) {
        leaders = new int[people + 1];
        for (int person = 1; person <= people; person++) {
            leaders[person] = person;
        }
        groups = people;
    }

    int leaderOf(int person) {
        if (leaders[person] != person) {
            leaders[person] = leaderOf(leaders[person]);
        }
        return leaders[person];
    }

    int countGroups(Scanner friends) {
        while (friends.hasNextInt()) {
            int first = leaderOf(friends.nextInt());
            int second = leaderOf(friends.nextInt());
            if (first != second) {
                leaders[first] = second;
                groups--;
            }
        }
        return groups;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Main people = new Main(in.nextInt());
        System.out.println(people.countGroups(in));
    }
}
