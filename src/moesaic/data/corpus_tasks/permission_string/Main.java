import java.util.Scanner;

public class Main {
    static String permissionString(int mode) {
        StringBuilder letters = new StringBuilder("rwxrwxrwx");
        for (int bit = 0; bit < 9; bit++) {
            if ((mode & 1 << bit) == 0) {
                letters.setCharAt(8 - bit, '-');
            }
        }
        return letters.toString();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int mode = Integer.parseInt(in.next(), 8);
        System.out.println(permissionString(mode));
    }
}
