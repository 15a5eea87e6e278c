#include <algorithm>
#include <iostream>
#include <utility>
#include <vector>

int freeTime(std::vector<std::pair<int, int>> meetings) {
    std::sort(meetings.begin(), meetings.end());
    int free = 0;
    int busyUntil = 9 * 60;
    for (auto [start, end] : meetings) {
        free += std::max(0, start - busyUntil);
        busyUntil = std::max(busyUntil, end);
    }
    return free + 17 * 60 - busyUntil;
}

int main() {
    std::vector<std::pair<int, int>> meetings;
    int hour, minute, endHour, endMinute;
    char mark;
    while (std::cin >> hour >> mark >> minute >> mark >> endHour >> mark >> endMinute) {
        meetings.push_back({60 * hour + minute, 60 * endHour + endMinute});
    }
    std::cout << freeTime(meetings) << "\n";
    return 0;
}
