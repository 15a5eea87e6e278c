#include <algorithm>
#include <iostream>
#include <string>

bool contains(const std::string& text, char letter) {
    return text.find(letter) != std::string::npos;
}

std::string hangmanMask(std::string word, const std::string& guesses) {
    for (char& letter : word) {
        if (!contains(guesses, letter)) {
            letter = '_';
        }
    }
    return word;
}

int main() {
    std::string word, guesses;
    std::cin >> word >> guesses;
    const auto isWrong = [&](char guess) { return !contains(word, guess); };
    std::cout << hangmanMask(word, guesses) << "\n";
    std::cout << std::count_if(guesses.begin(), guesses.end(), isWrong) << "\n";
    return 0;
}
