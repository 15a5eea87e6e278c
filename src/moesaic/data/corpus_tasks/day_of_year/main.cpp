#include <iostream>

int dayOfYear(int year, int month, int day) {
    const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int before = 0; before < month - 1; before++) {
        day += lengths[before];
    }
    bool isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (isLeap && month > 2) {
        day++;
    }
    return day;
}

int main() {
    int year, month, day;
    char dash;
    std::cin >> year >> dash >> month >> dash >> day;
    std::cout << dayOfYear(year, month, day) << "\n";
    return 0;
}
