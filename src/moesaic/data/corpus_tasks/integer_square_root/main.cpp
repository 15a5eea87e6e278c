#include <iostream>

long long integerSquareRoot(long long number) {
    long long low = 0;
    long long high = number;
    long long root = 0;
    while (low <= high) {
        const long long middle = (low + high) / 2;
        if (middle * middle <= number) {
            root = middle;
            low = middle + 1;
        } else {
            high = middle - 1;
        }
    }
    return root;
}

int main() {
    long long number;
    std::cin >> number;
    std::cout << integerSquareRoot(number) << "\n";
    return 0;
}
