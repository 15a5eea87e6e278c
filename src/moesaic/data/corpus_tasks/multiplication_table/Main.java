import java.util.Scanner;

public class Main {
    static void multiplicationTable(int number) {
        for (int factor = 1; factor <= 10; factor++) {
            int product = number * factor;
            System.out.println(number + " x " + factor + " = " + product);
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int number = in.nextInt();
        multiplicationTable(number);
    }
}
