import java.util.Scanner;

public class Main {
    static boolean wins(char player, String[] rows) {
        boolean down = true;
        boolean up = true;
        for (int i = 0; i < 3; i++) {
            boolean row = true;
            boolean column = true;
            for (int j = 0; j < 3; j++) {
                row &= rows[i].charAt(j) == player;
                column &= rows[j].charAt(i) == player;
            }
            if (row || column) {
                return true;
            }
            down &= rows[i].charAt(i) == player;
            up &= rows[i].charAt(2 - i) == player;
        }
        return down || up;
    }

    static String ticTacToeWinner(String[] rows) {
        if (wins('X', rows)) {
            return "X";
        }
        if (wins('O', rows)) {
            return "O";
        }
        return String.join("", rows).contains(".") ? "open" : "draw";
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String[] rows = {in.next(), in.next(), in.next()};
        System.out.println(ticTacToeWinner(rows));
    }
}
