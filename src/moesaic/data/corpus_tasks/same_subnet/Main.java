import java.util.Scanner;

public class Main {
    static long toNumber(String address) {
        long number = 0;
        for (String part : address.split("\\.")) {
            number = number << 8 | Integer.parseInt(part);
        }
        return number;
    }

    static boolean sameSubnet(String first, String second, int prefix) {
        return (toNumber(first) ^ toNumber(second)) >> (32 - prefix) == 0;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String first = in.next();
        String second = in.next();
        int prefix = in.nextInt();
        System.out.println(sameSubnet(first, second, prefix) ? "yes" : "no");
    }
}
