#include <iostream>
#include <vector>

std::vector<long long> egyptianFraction(long long numerator, long long denominator) {
    std::vector<long long> parts;
    while (numerator > 0) {
        long long part = denominator / numerator;
        if (denominator % numerator != 0) {
            part++;
        }
        parts.push_back(part);
        numerator = numerator * part - denominator;
        denominator *= part;
    }
    return parts;
}

int main() {
    long long numerator, denominator;
    std::cin >> numerator >> denominator;
    const char* separator = "";
    for (long long part : egyptianFraction(numerator, denominator)) {
        std::cout << separator << part;
        separator = " ";
    }
    std::cout << "\n";
    return 0;
}
