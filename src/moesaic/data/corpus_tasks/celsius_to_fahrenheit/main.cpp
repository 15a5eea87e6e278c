#include <iomanip>
#include <iostream>

double celsiusToFahrenheit(double celsius) {
    return celsius * 9 / 5 + 32;
}

int main() {
    double celsius;
    std::cin >> celsius;
    std::cout << std::fixed << std::setprecision(1);
    std::cout << celsiusToFahrenheit(celsius) << "\n";
    return 0;
}
