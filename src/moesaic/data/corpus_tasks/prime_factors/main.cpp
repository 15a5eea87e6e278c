#include <iostream>
#include <vector>

std::vector<int> primeFactors(int number) {
    std::vector<int> factors;
    for (int divisor = 2; divisor * divisor <= number; divisor++) {
        while (number % divisor == 0) {
            factors.push_back(divisor);
            number /= divisor;
        }
    }
    if (number > 1) {
        factors.push_back(number);
    }
    return factors;
}

int main() {
    int number;
    std::cin >> number;
    for (int factor : primeFactors(number)) {
        std::cout << factor << "\n";
    }
    return 0;
}
