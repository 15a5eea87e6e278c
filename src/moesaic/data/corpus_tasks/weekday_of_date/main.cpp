#include <iostream>
#include <string>

std::string weekdayOfDate(int year, int month, int day) {
    const std::string names[] = {"Saturday",  "Sunday",   "Monday", "Tuesday",
                                 "Wednesday", "Thursday", "Friday"};
    if (month < 3) {
        month += 12;
        year--;
    }
    int days = day + 13 * (month + 1) / 5 + year + year / 4 - year / 100 + year / 400;
    return names[days % 7];
}

int main() {
    int year, month, day;
    std::cin >> year >> month >> day;
    std::cout << weekdayOfDate(year, month, day) << "\n";
    return 0;
}
