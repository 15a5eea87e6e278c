#include <cctype>
#include <iostream>
#include <string>

std::string hideCardNumber(std::string number) {
    int digits = 0;
    for (auto symbol = number.rbegin(); symbol != number.rend(); ++symbol) {
        if (std::isdigit(*symbol) && ++digits > 4) {
            *symbol = '*';
        }
    }
    return number;
}

int main() {
    std::string number;
    std::getline(std::cin, number);
    std::cout << hideCardNumber(number) << std::endl;
    return 0;
}
