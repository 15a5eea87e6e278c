import java.util.Arrays;
import java.util.Map;
import java.util.Scanner;
import java.util.TreeMap;
import java.util.stream.Collectors;

public class Main {
    static Map<String, String> parseQueryString(String address) {
        String query = address.substring(address.indexOf('?') + 1);
        return Arrays.stream(query.split("&"))
            .map(parameter -> parameter.split("=", 2))
            .collect(Collectors.toMap(pair
                -> pair[0],
                pair -> pair[1].replace('+', ' '), (earlier, later) -> later, TreeMap::new));
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Map<String, String> parameters = parseQueryString(in.nextLine());
        parameters.forEach((name, value) -> System.out.println(name + ": " + value));
    }
}
