#include <iostream>

int eulerTotient(int n) {
    int totient = n;
    for (int p = 2; p * p <= n; p++) {
        if (n % p == 0) {
            totient -= totient / p;
            do {
                n /= p;
            } while (n % p == 0);
        }
    }
    if (n > 1) {
        totient -= totient / n;
    }
    return totient;
}

int main() {
    int n;
    std::cin >> n;
    std::cout << eulerTotient(n) << "\n";
    return 0;
}
