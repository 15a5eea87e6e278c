#include <iostream>
#include <string>

std::string triangleType(int a, int b, int c) {
    if (a == b && b == c) {
        return "equilateral";
    }
    if (a == b || b == c || a == c) {
        return "isosceles";
    }
    return "scalene";
}

int main() {
    int a, b, c;
    std::cin >> a >> b >> c;
    std::cout << triangleType(a, b, c) << "\n";
    return 0;
}
