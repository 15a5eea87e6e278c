import java.util.Scanner;

public class Main {
    static int neighbors(String[] board, int row, int column) {
        int count = 0;
        for (int i = row - 1; i <= row + 1; i++) {
            for (int j = column - 1; j <= column + 1; j++) {
                boolean inside = i >= 0 && i < board.length && j >= 0 && j < board[0].length();
                boolean self = i == row && j == column;
                if (inside && !self && board[i].charAt(j) == '#') {
                    count++;
                }
            }
        }
        return count;
    }

    static String gameOfLife(String[] board, int row) {
        StringBuilder next = new StringBuilder();
        for (int column = 0; column < board[row].length(); column++) {
            int count = neighbors(board, row, column);
            boolean lives = count == 3 || count == 2 && board[row].charAt(column) == '#';
            next.append(lives ? '#' : '.');
        }
        return next.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String[] board = new String[in.nextInt()];
        for (int i = 0; i < board.length; i++) {
            board[i] = in.next();
        }
        for (int row = 0; row < board.length; row++) {
            System.out.println(gameOfLife(board, row));
        }
    }
}
