import java.util.Scanner;

public class Main {
    static int visibleTowers(int[] towers) {
        int visible = 0;
        int highest = 0;
        for (int tower : towers) {
            if (tower > highest) {
                highest = tower;
                visible++;
            }
        }
        return visible;
    }

    public static void main(String[] args) {
        String[] fields = new Scanner(System.in).nextLine().split(" ");
        int[] towers = new int[fields.length];
        for (int i = 0; i < fields.length; i++) {
            towers[i] = Integer.parseInt(fields[i]);
        }
        System.out.println(visibleTowers(towers));
    }
}
