#include <iostream>

int sumOfDigits(int number) {
    int total = 0;
    while (number > 0) {
        total += number % 10;
        number /= 10;
    }
    return total;
}

int main() {
    int number;
    std::cin >> number;
    std::cout << sumOfDigits(number) << "\n";
    return 0;
}
