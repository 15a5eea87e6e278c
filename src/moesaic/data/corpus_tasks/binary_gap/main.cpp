#include <algorithm>
#include <iostream>

int binaryGap(unsigned number) {
    while (number % 2 == 0) {
        number >>= 1;
    }
    int longest = 0;
    int zeros = 0;
    for (; number > 0; number >>= 1) {
        if (number & 1) {
            longest = std::max(longest, zeros);
            zeros = 0;
        } else {
            zeros++;
        }
    }
    return longest;
}

int main() {
    unsigned number;
    std::cin >> number;
    std::cout << binaryGap(number) << "\n";
    return 0;
}
