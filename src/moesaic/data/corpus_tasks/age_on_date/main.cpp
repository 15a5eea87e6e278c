#include <iostream>
#include <tuple>

struct Date {
    int day, month, year;
};

Date readDate(std::istream& in) {
    Date date;
    char dot;
    in >> date.day >> dot >> date.month >> dot >> date.year;
    return date;
}

int ageOnDate(const Date& birth, const Date& date) {
    int age = date.year - birth.year;
    if (std::tie(date.month, date.day) < std::tie(birth.month, birth.day)) {
        age--;
    }
    return age;
}

int main() {
    Date birth = readDate(std::cin);
    Date date = readDate(std::cin);
    std::cout << ageOnDate(birth, date) << "\n";
    return 0;
}
