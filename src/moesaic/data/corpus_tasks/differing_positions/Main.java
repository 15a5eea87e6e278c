import java.util.Scanner;
import java.util.StringJoiner;

public class Main {
    static String differingPositions(String first, String second) {
        StringJoiner positions = new StringJoiner(" ");
        positions.setEmptyValue("same");
        int shorter = Math.min(first.length(), second.length());
        int longer = Math.max(first.length(), second.length());
        for (int i = 0; i < longer; i++) {
            if (i >= shorter || first.charAt(i) != second.charAt(i)) {
                positions.add(String.valueOf(i + 1));
            }
        }
        return positions.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(differingPositions(in.nextLine(), in.nextLine()));
    }
}
