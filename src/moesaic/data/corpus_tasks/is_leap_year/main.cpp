#include <iostream>

bool isLeapYear(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int main() {
    int year;
    std::cin >> year;
    std::cout << (isLeapYear(year) ? "yes" : "no") << "\n";
    return 0;
}
