import java.util.Scanner;

public class Main {
    static boolean isPalindrome(String text) {
        text = text.toLowerCase();
        String reverse = new StringBuilder(text).reverse().toString();
        return text.equals(reverse);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String text = in.nextLine();
        System.out.println(isPalindrome(text) ? "yes" : "no");
    }
}
