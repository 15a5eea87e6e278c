import java.math.BigDecimal;
import java.util.Scanner;

public class Main {
    static void printLine(String name, BigDecimal amount) {
        System.out.printf("%-10s%8.2f%n", name, amount);
    }

    static void printReceipt(Scanner in) {
        BigDecimal total = BigDecimal.ZERO;
        while (in.hasNext()) {
            String name = in.next();
            BigDecimal count = in.nextBigDecimal();
            BigDecimal amount = count.multiply(in.nextBigDecimal()).movePointLeft(2);
            printLine(name, amount);
            total = total.add(amount);
        }
        printLine("total", total);
    }

    public static void main(String[] args) {
        printReceipt(new Scanner(System.in));
    }
}
