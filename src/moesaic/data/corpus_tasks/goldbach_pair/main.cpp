#include <iostream>
#include <utility>

bool isPrime(int number) {
    for (int divisor = 2; divisor * divisor <= number; divisor++) {
        if (number % divisor == 0) {
            return false;
        }
    }
    return number > 1;
}

std::pair<int, int> goldbachPair(int number) {
    int first = 2;
    while (!isPrime(first) || !isPrime(number - first)) {
        first++;
    }
    return {first, number - first};
}

int main() {
    int number;
    std::cin >> number;
    auto [first, second] = goldbachPair(number);
    std::cout << first << " " << second << "\n";
    return 0;
}
