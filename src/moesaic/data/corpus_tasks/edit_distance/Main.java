import java.util.Scanner;

public class Main {
    static int editDistance(String first, String second) {
        int[][] distance = new int[first.length() + 1][second.length() + 1];
        for (int i = 0; i <= first.length(); i++) {
            for (int j = 0; j <= second.length(); j++) {
                if (i == 0 || j == 0) {
                    distance[i][j] = i + j;
                } else if (first.charAt(i - 1) == second.charAt(j - 1)) {
                    distance[i][j] = distance[i - 1][j - 1];
                } else {
                    int indel = Math.min(distance[i - 1][j], distance[i][j - 1]);
                    distance[i][j] = 1 + Math.min(indel, distance[i - 1][j - 1]);
                }
            }
        }
        return distance[first.length()][second.length()];
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(editDistance(in.next(), in.next()));
    }
}
