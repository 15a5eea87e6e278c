import java.util.Scanner;

public class Main {
    static String makeSlug(String heading) {
        return heading.toLowerCase().replaceAll("[^a-z0-9]+", "-").replaceAll("^-|-$", "");
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        System.out.println(makeSlug(in.nextLine()));
    }
}
