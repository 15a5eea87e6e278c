#include <iostream>

void guessNumber(int low, int high, int secret) {
    const int guess = (low + high) / 2;
    std::cout << guess;
    if (guess == secret) {
        std::cout << "\n";
        return;
    }
    std::cout << " ";
    if (guess < secret) {
        guessNumber(guess + 1, high, secret);
    } else {
        guessNumber(low, guess - 1, secret);
    }
}

int main() {
    int limit, secret;
    std::cin >> limit >> secret;
    guessNumber(1, limit, secret);
    return 0;
}
