#include <algorithm>
#include <cctype>
#include <iostream>
#include <string>

bool isPalindrome(std::string text) {
    for (char& letter : text) {
        letter = std::tolower(letter);
    }
    return std::equal(text.begin(), text.end(), text.rbegin());
}

int main() {
    std::string text;
    std::getline(std::cin, text);
    std::cout << (isPalindrome(text) ? "yes" : "no") << "\n";
    return 0;
}
