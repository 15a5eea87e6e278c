#include <iostream>
#include <string>

std::string decimalToBinary(int number) {
    std::string digits;
    while (number > 0) {
        digits = std::to_string(number % 2) + digits;
        number /= 2;
    }
    return digits.empty() ? "0" : digits;
}

int main() {
    int number;
    std::cin >> number;
    std::cout << decimalToBinary(number) << "\n";
    return 0;
}
