import java.util.Arrays;
import java.util.Scanner;

public class Main {
    static int trappedRain(int[] walls) {
        int left = 0;
        int right = walls.length - 1;
        int leftMax = 0;
        int rightMax = 0;
        int water = 0;
        while (left <= right) {
            if (leftMax < rightMax) {
                leftMax = Math.max(leftMax, walls[left]);
                water += leftMax - walls[left++];
            } else {
                rightMax = Math.max(rightMax, walls[right]);
                water += rightMax - walls[right--];
            }
        }
        return water;
    }

    public static void main(String[] args) {
        String[] fields = new Scanner(System.in).nextLine().split(" ");
        int[] walls = Arrays.stream(fields).mapToInt(Integer::parseInt).toArray();
        System.out.println(trappedRain(walls));
    }
}
