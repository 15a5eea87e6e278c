#include <iostream>

long long factorial(int number) {
    if (number == 0) {
        return 1;
    }
    return number * factorial(number - 1);
}

int main() {
    int number;
    std::cin >> number;
    std::cout << factorial(number) << "\n";
    return 0;
}
