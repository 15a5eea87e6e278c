import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static void visit(List<char[]> map, int row, int column) {
        boolean inside =
            row >= 0 && row < map.size() && column >= 0 && column < map.get(row).length;
        if (!inside || map.get(row)[column] != '#') {
            return;
        }
        map.get(row)[column] = '.';
        visit(map, row - 1, column);
        visit(map, row + 1, column);
        visit(map, row, column - 1);
        visit(map, row, column + 1);
    }

    static int countIslands(List<char[]> map) {
        int islands = 0;
        for (int row = 0; row < map.size(); row++) {
            for (int column = 0; column < map.get(row).length; column++) {
                if (map.get(row)[column] == '#') {
                    islands++;
                    visit(map, row, column);
                }
            }
        }
        return islands;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<char[]> map = new ArrayList<>();
        while (in.hasNext()) {
            map.add(in.next().toCharArray());
        }
        System.out.println(countIslands(map));
    }
}
