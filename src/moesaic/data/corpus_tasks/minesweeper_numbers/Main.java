import java.util.Scanner;

public class Main {
    static int minesAround(char[][] field, int row, int column) {
        int mines = 0;
        for (int i = Math.max(0, row - 1); i <= row + 1 && i < field.length; i++) {
            for (int j = Math.max(0, column - 1); j <= column + 1 && j < field[i].length; j++) {
                if (field[i][j] == '*') {
                    mines++;
                }
            }
        }
        return mines;
    }

    static void minesweeperNumbers(char[][] field) {
        for (int i = 0; i < field.length; i++) {
            for (int j = 0; j < field[i].length; j++) {
                if (field[i][j] == '.') {
                    field[i][j] = (char) ('0' + minesAround(field, i, j));
                }
            }
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        char[][] field = new char[in.nextInt()][];
        for (int i = 0; i < field.length; i++) {
            field[i] = in.next().toCharArray();
        }
        minesweeperNumbers(field);
        for (char[] row : field) {
            System.out.println(row);
        }
    }
}
