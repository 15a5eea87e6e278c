import java.util.Scanner;

public class Main {
    static int[] robotPosition(String moves) {
        int x = 0;
        int y = 0;
        for (char move : moves.toCharArray()) {
            switch (move) {
                case 'U' -> y++;
                case 'D' -> y--;
                case 'R' -> x++;
                default -> x--;
            }
        }
        return new int[] {x, y};
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String moves = in.nextLine();
        int[] position = robotPosition(moves);
        System.out.println(position[0] + " " + position[1]);
    }
}
