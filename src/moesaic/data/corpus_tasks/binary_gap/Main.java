import java.util.Scanner;

public class Main {
    static int binaryGap(int number) {
        int longest = 0;
        number >>= Integer.numberOfTrailingZeros(number);
        while (number > 1) {
            number >>= 1;
            int gap = Integer.numberOfTrailingZeros(number);
            longest = Math.max(longest, gap);
            number >>= gap;
        }
        return longest;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(binaryGap(in.nextInt()));
    }
}
