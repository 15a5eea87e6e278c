#include <iostream>
#include <string>

std::string fizzBuzz(int number) {
    if (number % 15 == 0) {
        return "FizzBuzz";
    }
    if (number % 3 == 0) {
        return "Fizz";
    }
    if (number % 5 == 0) {
        return "Buzz";
    }
    return std::to_string(number);
}

int main() {
    int n;
    std::cin >> n;
    for (int number = 1; number <= n; number++) {
        std::cout << fizzBuzz(number) << "\n";
    }
    return 0;
}
