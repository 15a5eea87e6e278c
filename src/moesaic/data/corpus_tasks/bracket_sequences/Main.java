import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    private final List<String> sequences = new ArrayList<>();

    void extend(String sequence, int opening, int closing) {
        if (closing == 0) {
            sequences.add(sequence);
        }
        if (opening > 0) {
            extend(sequence + "(", opening - 1, closing);
        }
        if (closing > opening) {
            extend(sequence + ")", opening, closing - 1);
        }
    }

    List<String> bracketSequences(int pairs) {
        extend("", pairs, pairs);
        return sequences;
    }

    public static void main(String[] args) {
        int pairs = new Scanner(System.in).nextInt();
        for (String sequence : new Main().bracketSequences(pairs)) {
            System.out.println(sequence);
        }
    }
}
