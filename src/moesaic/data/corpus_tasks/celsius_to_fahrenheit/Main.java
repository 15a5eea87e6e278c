import java.util.Scanner;

public class Main {
    static double celsiusToFahrenheit(double celsius) {
        return celsius * 9 / 5 + 32;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        double celsius = in.nextDouble();
        System.out.printf("%.1f%n", celsiusToFahrenheit(celsius));
    }
}
