import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

public class Main {
    static List<String> parseSettings(Scanner in) {
        List<String> settings = new ArrayList<>();
        String section = "";
        while (in.hasNextLine()) {
            String line = in.nextLine().strip();
            int equals = line.indexOf('=');
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            if (line.startsWith("[")) {
                section = line.substring(1, line.length() - 1);
            } else {
                String name = line.substring(0, equals).strip();
                String value = line.substring(equals + 1).strip();
                settings.add(section + "." + name + "=" + value);
            }
        }
        return settings;
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        parseSettings(in).forEach(System.out::println);
    }
}
