#include <cctype>
#include <iostream>
#include <set>
#include <string>

std::string missingLetters(const std::string& text) {
    std::set<char> missing;
    for (char letter = 'a'; letter <= 'z'; letter++) {
        missing.insert(letter);
    }
    for (char symbol : text) {
        missing.erase(std::tolower(symbol));
    }
    return std::string(missing.begin(), missing.end());
}

int main() {
    std::string text;
    std::getline(std::cin, text);
    const std::string missing = missingLetters(text);
    std::cout << (missing.empty() ? "pangram" : missing) << "\n";
    return 0;
}
