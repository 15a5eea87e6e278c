import java.util.Scanner;

public class Main {
    static String grayCode(int index, int bits) {
        int value = index ^ (index >> 1);
        StringBuilder digits = new StringBuilder();
        for (int bit = bits - 1; bit >= 0; bit--) {
            digits.append((value >> bit) & 1);
        }
        return digits.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int bits = in.nextInt();
        for (int index = 0; index < 1 << bits; index++) {
            System.out.println(grayCode(index, bits));
        }
    }
}
