import java.util.Scanner;

public class Main {
    static void swap(char[] stripes, int i, int j) {
        char stripe = stripes[i];
        stripes[i] = stripes[j];
        stripes[j] = stripe;
    }

    static void sortFlagColors(char[] stripes) {
        int red = 0;
        int blue = stripes.length - 1;
        int i = 0;
        while (i <= blue) {
            if (stripes[i] == 'r') {
                swap(stripes, i++, red++);
            } else if (stripes[i] == 'b') {
                swap(stripes, i, blue--);
            } else {
                i++;
            }
        }
    }

    public static void main(String[] args) {
        char[] stripes = new Scanner(System.in).next().toCharArray();
        sortFlagColors(stripes);
        System.out.println(new String(stripes));
    }
}
