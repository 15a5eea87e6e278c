import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static long countGridPaths(List<String> grid) {
        int width = grid.get(0).length();
        long[][] paths = new long[grid.size() + 1][width + 1];
        paths[0][1] = 1;
        for (int row = 1; row <= grid.size(); row++) {
            for (int column = 1; column <= width; column++) {
                if (grid.get(row - 1).charAt(column - 1) == '.') {
                    paths[row][column] = paths[row - 1][column] + paths[row][column - 1];
                }
            }
        }
        return paths[grid.size()][width];
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<String> grid = new ArrayList<>();
        while (in.hasNext()) {
            grid.add(in.next());
        }
        System.out.println(countGridPaths(grid));
    }
}
