import java.time.Duration;
import java.util.Scanner;

public class Main {
    static String formatDuration(Duration duration) {
        StringBuilder text = new StringBuilder();
        append(text, duration.toDaysPart(), "d");
        append(text, duration.toHoursPart(), "h");
        append(text, duration.toMinutesPart(), "m");
        append(text, duration.toSecondsPart(), "s");
        return text.isEmpty() ? "0s" : text.toString();
    }

    static void append(StringBuilder text, long count, String unit) {
        if (count > 0) {
            text.append(text.isEmpty() ? "" : " ").append(count).append(unit);
        }
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Duration duration = Duration.ofSeconds(in.nextLong());
        System.out.println(formatDuration(duration));
    }
}
