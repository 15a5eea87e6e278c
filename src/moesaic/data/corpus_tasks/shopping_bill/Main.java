import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;

public class Main {
    static class Shop {
        private final Map<String, Integer> prices = new HashMap<>();
        private int total = 0;
        private int unsold = 0;

        void offer(String item, int price) {
            prices.put(item, price);
        }

        void buy(String item) {
            if (prices.containsKey(item)) {
                total += prices.get(item);
            } else {
                unsold++;
            }
        }

        String shoppingBill() {
            return total + " " + unsold;
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Shop shop = new Shop();
        for (int count = in.nextInt(); count > 0; count--) {
            shop.offer(in.next(), in.nextInt());
        }
        while (in.hasNext()) {
            shop.buy(in.next());
        }
        System.out.println(shop.shoppingBill());
    }
}
