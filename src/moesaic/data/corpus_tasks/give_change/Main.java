import java.util.Scanner;

public class Main {
    enum Coin {
        FIFTY(50),
        TWENTY(20),
        TEN(10),
        FIVE(5),
        TWO(2),
        ONE(1);

        final int value;

        Coin(int value) {
            this.value = value;
        }
    }

    static void giveChange(int amount) {
        if (amount == 0) {
            System.out.println("exact");
        }
        for (Coin coin : Coin.values()) {
            if (amount >= coin.value) {
                System.out.println(coin.value + " " + amount / coin.value);
                amount %= coin.value;
            }
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int price = in.nextInt();
        giveChange(in.nextInt() - price);
    }
}
