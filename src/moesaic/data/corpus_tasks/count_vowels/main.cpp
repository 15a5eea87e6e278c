#include <cctype>
#include <iostream>
#include <string>

int countVowels(const std::string& text) {
    const std::string vowels = "aeiou";
    int count = 0;
    for (char letter : text) {
        if (vowels.find(std::tolower(letter)) != std::string::npos) {
            count++;
        }
    }
    return count;
}

int main() {
    std::string text;
    std::getline(std::cin, text);
    std::cout << countVowels(text) << "\n";
    return 0;
}
