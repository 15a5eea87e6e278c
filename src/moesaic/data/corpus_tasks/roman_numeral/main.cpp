#include <iostream>
#include <string>
#include <utility>
#include <vector>

const std::vector<std::pair<int, std::string>> symbols = {
    {1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"},
    {40, "XL"},  {10, "X"},   {9, "IX"},  {5, "V"},    {4, "IV"},  {1, "I"}};

std::string romanNumeral(int number) {
    std::string numeral;
    for (const auto& [value, symbol] : symbols) {
        while (number >= value) {
            numeral += symbol;
            number -= value;
        }
    }
    return numeral;
}

int main() {
    int number;
    std::cin >> number;
    std::cout << romanNumeral(number) << "\n";
    return 0;
}
