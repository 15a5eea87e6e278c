import java.util.Scanner;

public class Main {
    static void towerOfHanoi(int disks, String source, String target, String spare) {
        if (disks == 0) {
            return;
        }
        towerOfHanoi(disks - 1, source, spare, target);
        System.out.println(source + " -> " + target);
        towerOfHanoi(disks - 1, spare, target, source);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int disks = in.nextInt();
        towerOfHanoi(disks, "A", "C", "B");
    }
}
