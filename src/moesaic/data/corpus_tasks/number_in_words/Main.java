import java.util.Scanner;

public class Main {
    static final String[] SMALL =
        ("zero one two three four five six seven eight nine ten eleven twelve thirteen "
            + "fourteen fifteen sixteen seventeen eighteen nineteen")
            .split(" ");
    static final String[] TENS =
        "- - twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

    static String numberInWords(int number) {
        if (number < 20) {
            return SMALL[number];
        }
        if (number < 100) {
            String tens = TENS[number / 10];
            return number % 10 == 0 ? tens : tens + "-" + SMALL[number % 10];
        }
        String hundreds = SMALL[number / 100] + " hundred";
        int rest = number % 100;
        return rest == 0 ? hundreds : hundreds + " and " + numberInWords(rest);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(numberInWords(in.nextInt()));
    }
}
