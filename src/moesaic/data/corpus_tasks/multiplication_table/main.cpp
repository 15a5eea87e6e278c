#include <iostream>

void multiplicationTable(int number) {
    for (int factor = 1; factor <= 10; factor++) {
        int product = number * factor;
        std::cout << number << " x " << factor << " = " << product << "\n";
    }
}

int main() {
    int number;
    std::cin >> number;
    multiplicationTable(number);
    return 0;
}
