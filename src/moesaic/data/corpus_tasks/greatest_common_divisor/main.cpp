#include <iostream>

int greatestCommonDivisor(int first, int second) {
    while (second != 0) {
        int remainder = first % second;
        first = second;
        second = remainder;
    }
    return first;
}

int main() {
    int first, second;
    std::cin >> first >> second;
    std::cout << greatestCommonDivisor(first, second) << "\n";
    return 0;
}
