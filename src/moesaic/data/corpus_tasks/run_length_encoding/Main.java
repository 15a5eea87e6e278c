import java.util.Scanner;

public class Main {
    static String runLengthEncoding(String word) {
        StringBuilder encoded = new StringBuilder();
        int count = 0;
        for (int i = 0; i < word.length(); i++) {
            count++;
            if (i + 1 == word.length() || word.charAt(i) != word.charAt(i + 1)) {
                encoded.append(word.charAt(i)).append(count);
                count = 0;
            }
        }
        return encoded.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String word = in.nextLine();
        System.out.println(runLengthEncoding(word));
    }
}
