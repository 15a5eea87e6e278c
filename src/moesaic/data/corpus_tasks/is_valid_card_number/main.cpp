#include <cctype>
#include <iostream>
#include <string>

bool isValidCardNumber(const std::string& number) {
    int sum = 0;
    bool isDoubled = false;
    for (auto symbol = number.rbegin(); symbol != number.rend(); ++symbol) {
        if (!std::isdigit(*symbol)) {
            continue;
        }
        int digit = *symbol - '0';
        if (isDoubled) {
            digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
        }
        sum += digit;
        isDoubled = !isDoubled;
    }
    return sum % 10 == 0;
}

int main() {
    std::string number;
    std::getline(std::cin, number);
    std::cout << (isValidCardNumber(number) ? "yes" : "no") << "\n";
    return 0;
}
