#include <iostream>

int collatzSteps(int number) {
    int steps = 0;
    while (number != 1) {
        if (number % 2 == 0) {
            number /= 2;
        } else {
            number = 3 * number + 1;
        }
        steps++;
    }
    return steps;
}

int main() {
    int number;
    std::cin >> number;
    std::cout << collatzSteps(number) << "\n";
    return 0;
}
