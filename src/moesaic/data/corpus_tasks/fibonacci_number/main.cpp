#include <iostream>

long long fibonacciNumber(int n) {
    long long current = 0;
    long long following = 1;
    for (int i = 0; i < n; i++) {
        long long sum = current + following;
        current = following;
        following = sum;
    }
    return current;
}

int main() {
    int n;
    std::cin >> n;
    std::cout << fibonacciNumber(n) << "\n";
    return 0;
}
