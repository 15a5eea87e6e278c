#include <iostream>
#include <numeric>
#include <utility>

std::pair<long long, long long> sumOfFractions(std::istream& in) {
    long long top = 0;
    long long bottom = 1;
    char slash;
    for (long long numerator, denominator; in >> numerator >> slash >> denominator;) {
        top = top * denominator + numerator * bottom;
        bottom *= denominator;
        long long divisor = std::gcd(top, bottom);
        top /= divisor;
        bottom /= divisor;
    }
    return {top, bottom};
}

int main() {
    auto [top, bottom] = sumOfFractions(std::cin);
    std::cout << top << "/" << bottom << "\n";
    return 0;
}
