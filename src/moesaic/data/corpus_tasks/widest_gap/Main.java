import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Scanner;

public class Main {
    static int widestGap(List<Integer> posts) {
        int widest = 0;
        for (int i = 1; i + 1 < posts.size(); i++) {
            int gap = posts.get(i + 1) - posts.get(i);
            if (gap > posts.get(widest + 1) - posts.get(widest)) {
                widest = i;
            }
        }
        return widest;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        List<Integer> posts = new ArrayList<>();
        while (in.hasNextInt()) {
            posts.add(in.nextInt());
        }
        Collections.sort(posts);
        int start = widestGap(posts);
        System.out.println(posts.get(start) + " " + posts.get(start + 1));
    }
}
