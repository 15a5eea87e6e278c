#include <iostream>

bool isPrime(int number) {
    if (number < 2) {
        return false;
    }
    for (int divisor = 2; divisor * divisor <= number; divisor++) {
        if (number % divisor == 0) {
            return false;
        }
    }
    return true;
}

int main() {
    int number;
    std::cin >> number;
    std::cout << (isPrime(number) ? "yes" : "no") << "\n";
    return 0;
}
