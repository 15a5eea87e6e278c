import java.util.Scanner;

public class Main {
    static int part(String[] parts, int index) {
        return index < parts.length ? Integer.parseInt(parts[index]) : 0;
    }

    static String newerVersion(String first, String second) {
        String[] firstParts = first.split("\\.");
        String[] secondParts = second.split("\\.");
        for (int i = 0; i < Math.max(firstParts.length, secondParts.length); i++) {
            int difference = part(firstParts, i) - part(secondParts, i);
            if (difference != 0) {
                return difference > 0 ? first : second;
            }
        }
        return "equal";
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(newerVersion(in.next(), in.next()));
    }
}
