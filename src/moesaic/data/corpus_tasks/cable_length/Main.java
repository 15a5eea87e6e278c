import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Scanner;
import java.util.stream.IntStream;

public class Main {
    record Cable(int first, int second, int length) {}

    static int cableLength(int houses, List<Cable> cables) {
        int[] network = IntStream.rangeClosed(0, houses).toArray();
        cables.sort(Comparator.comparingInt(Cable::length));
        int total = 0;
        for (Cable cable : cables) {
            int joined = network[cable.first()];
            int other = network[cable.second()];
            if (joined != other) {
                total += cable.length();
                for (int house = 1; house <= houses; house++) {
                    if (network[house] == other) {
                        network[house] = joined;
                    }
                }
            }
        }
        return total;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int houses = in.nextInt();
        List<Cable> cables = new ArrayList<>();
        while (in.hasNextInt()) {
            cables.add(new Cable(in.nextInt(), in.nextInt(), in.nextInt()));
        }
        System.out.println(cableLength(houses, cables));
    }
}
