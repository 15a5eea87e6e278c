import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Scanner;

public class Main {
    static List<String> localPeaks(int[] heights) {
        List<String> peaks = new ArrayList<>();
        for (int i = 1; i + 1 < heights.length; i++) {
            if (heights[i] > heights[i - 1] && heights[i] > heights[i + 1]) {
                peaks.add(Integer.toString(heights[i]));
            }
        }
        return peaks;
    }

    public static void main(String[] args) {
        String line = new Scanner(System.in).nextLine();
        int[] heights = Arrays.stream(line.split(" ")).mapToInt(Integer::parseInt).toArray();
        List<String> peaks = localPeaks(heights);
        System.out.println(peaks.isEmpty() ? "flat" : String.join(" ", peaks));
    }
}
