#include <iostream>

unsigned readAddress(std::istream& in) {
    unsigned a, b, c, d;
    char dot;
    in >> a >> dot >> b >> dot >> c >> dot >> d;
    return a << 24 | b << 16 | c << 8 | d;
}

bool sameSubnet(unsigned first, unsigned second, int prefix) {
    unsigned mask = ~0u << (32 - prefix);
    return (first & mask) == (second & mask);
}

int main() {
    unsigned first = readAddress(std::cin);
    unsigned second = readAddress(std::cin);
    int prefix;
    std::cin >> prefix;
    std::cout << (sameSubnet(first, second, prefix) ? "yes" : "no") << "\n";
    return 0;
}
