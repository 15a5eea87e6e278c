#include <algorithm>
#include <array>
#include <iostream>

int kaprekarSteps(int number) {
    int steps = 0;
    while (number != 6174) {
        std::array<int, 4> digits;
        for (int& digit : digits) {
            digit = number % 10;
            number /= 10;
        }
        std::sort(digits.begin(), digits.end());
        int small = 0;
        int large = 0;
        for (int i = 0; i < 4; i++) {
            small = small * 10 + digits[i];
            large = large * 10 + digits[3 - i];
        }
        number = large - small;
        steps++;
    }
    return steps;
}

int main() {
    int number;
    std::cin >> number;
    std::cout << kaprekarSteps(number) << "\n";
    return 0;
}
