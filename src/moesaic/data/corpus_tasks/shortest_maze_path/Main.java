import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;
import java.util.Scanner;

public class Main {
    static int shortestMazePath(String maze, int width) {
        int[] steps = new int[maze.length()];
        Arrays.fill(steps, -1);
        Queue<Integer> queue = new ArrayDeque<>();
        queue.add(maze.indexOf('S'));
        steps[maze.indexOf('S')] = 0;
        while (!queue.isEmpty()) {
            int place = queue.remove();
            for (int next : new int[] {place - width, place + width, place - 1, place + 1}) {
                boolean inside = next >= 0 && next < maze.length();
                if (inside && "#|".indexOf(maze.charAt(next)) < 0 && steps[next] < 0) {
                    steps[next] = steps[place] + 1;
                    queue.add(next);
                }
            }
        }
        return steps[maze.indexOf('E')];
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        StringBuilder maze = new StringBuilder();
        int width = 0;
        while (in.hasNext()) {
            String row = in.next() + "|";
            width = row.length();
            maze.append(row);
        }
        System.out.println(shortestMazePath(maze.toString(), width));
    }
}
