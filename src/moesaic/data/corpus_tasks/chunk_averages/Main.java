import java.util.Scanner;

public class Main {
    static double chunkAverage(Scanner numbers, int size) {
        int sum = 0;
        int count = 0;
        while (count < size && numbers.hasNextInt()) {
            sum += numbers.nextInt();
            count++;
        }
        return (double) sum / count;
    }

    static void chunkAverages(Scanner numbers, int size) {
        while (numbers.hasNextInt()) {
            System.out.printf("%.2f%n", chunkAverage(numbers, size));
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int size = in.nextInt();
        chunkAverages(in, size);
    }
}
