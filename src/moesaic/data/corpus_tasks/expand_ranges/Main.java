import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static List<String> expandRanges(String[] entries) {
        List<String> pages = new ArrayList<>();
        for (String entry : entries) {
            String[] ends = entry.split("-");
            int first = Integer.parseInt(ends[0]);
            int last = Integer.parseInt(ends[ends.length - 1]);
            for (int page = first; page <= last; page++) {
                pages.add(String.valueOf(page));
            }
        }
        return pages;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String[] entries = in.nextLine().split(",");
        System.out.println(String.join(" ", expandRanges(entries)));
    }
}
