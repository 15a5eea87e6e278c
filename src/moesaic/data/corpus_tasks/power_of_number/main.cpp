#include <iostream>

long long powerOfNumber(long long base, int exponent) {
    if (exponent == 0) {
        return 1;
    }
    long long half = powerOfNumber(base, exponent / 2);
    if (exponent % 2 == 0) {
        return half * half;
    }
    return half * half * base;
}

int main() {
    long long base;
    int exponent;
    std::cin >> base >> exponent;
    std::cout << powerOfNumber(base, exponent) << "\n";
    return 0;
}
