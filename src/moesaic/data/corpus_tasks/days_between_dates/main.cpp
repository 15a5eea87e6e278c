#include <cstdlib>
#include <iostream>

struct Date {
    int year, month, day;
};

std::istream& operator>>(std::istream& in, Date& date) {
    char dash;
    return in >> date.year >> dash >> date.month >> dash >> date.day;
}

int dayNumber(const Date& date) {
    const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int years = date.month > 2 ? date.year : date.year - 1;
    int leapDays = years / 4 - years / 100 + years / 400;
    return 365 * date.year + leapDays + before[date.month - 1] + date.day;
}

int daysBetweenDates(const Date& first, const Date& second) {
    return std::abs(dayNumber(first) - dayNumber(second));
}

int main() {
    Date first, second;
    std::cin >> first >> second;
    std::cout << daysBetweenDates(first, second) << "\n";
    return 0;
}
