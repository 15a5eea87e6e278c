import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static void alignColumns(List<String[]> rows) {
        int[] widths = new int[rows.get(0).length];
        for (String[] row : rows) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row[i].length());
            }
        }
        for (String[] row : rows) {
            StringBuilder line = new StringBuilder("|");
            for (int i = 0; i < widths.length; i++) {
                String padding = " ".repeat(widths[i] - row[i].length());
                line.append(" ").append(row[i]).append(padding).append(" |");
            }
            System.out.println(line);
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<String[]> rows = new ArrayList<>();
        while (in.hasNextLine()) {
            rows.add(in.nextLine().split(",", -1));
        }
        alignColumns(rows);
    }
}
