import java.util.Map;
import java.util.Scanner;
import java.util.TreeMap;

public class Main {
    static String mostCommonWord(Scanner words) {
        Map<String, Integer> counts = new TreeMap<>();
        while (words.hasNext()) {
            counts.merge(words.next().toLowerCase(), 1, Integer::sum);
        }
        String best = null;
        for (String word : counts.keySet()) {
            if (best == null || counts.get(word) > counts.get(best)) {
                best = word;
            }
        }
        return best + " " + counts.get(best);
    }

    public static void main(String[] args) {
        System.out.println(mostCommonWord(new Scanner(System.in)));
    }
}
