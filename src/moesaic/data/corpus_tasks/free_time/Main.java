import java.time.Duration;
import java.time.LocalTime;
import java.util.Map;
import java.util.Scanner;
import java.util.TreeMap;

public class Main {
    static long freeTime(TreeMap<LocalTime, LocalTime> meetings) {
        long free = 0;
        LocalTime busyUntil = LocalTime.of(9, 0);
        for (Map.Entry<LocalTime, LocalTime> meeting : meetings.entrySet()) {
            if (meeting.getKey().isAfter(busyUntil)) {
                free += Duration.between(busyUntil, meeting.getKey()).toMinutes();
            }
            if (meeting.getValue().isAfter(busyUntil)) {
                busyUntil = meeting.getValue();
            }
        }
        return free + Duration.between(busyUntil, LocalTime.of(17, 0)).toMinutes();
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        TreeMap<LocalTime, LocalTime> meetings = new TreeMap<>();
        while (in.hasNext()) {
            String[] times = in.next().split("-");
            LocalTime end = LocalTime.parse(times[1]);
            meetings.merge(LocalTime.parse(times[0]), end, (a, b) -> a.isAfter(b) ? a : b);
        }
        System.out.println(freeTime(meetings));
    }
}
