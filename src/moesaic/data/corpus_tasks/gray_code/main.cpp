#include <iostream>
#include <string>
#include <vector>

std::vector<unsigned> grayCode(int bits) {
    std::vector<unsigned> code;
    for (unsigned index = 0; index < 1u << bits; index++) {
        code.push_back(index ^ (index >> 1));
    }
    return code;
}

int main() {
    int bits;
    std::cin >> bits;
    for (unsigned value : grayCode(bits)) {
        std::string digits;
        for (int bit = bits - 1; bit >= 0; bit--) {
            digits += (value >> bit) & 1 ? '1' : '0';
        }
        std::cout << digits << "\n";
    }
    return 0;
}
