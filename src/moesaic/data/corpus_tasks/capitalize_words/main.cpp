#include <cctype>
#include <iostream>
#include <string>

std::string capitalizeWords(std::string text) {
    for (size_t i = 0; i < text.size(); i++) {
        if (i == 0 || text[i - 1] == ' ') {
            text[i] = std::toupper(text[i]);
        }
    }
    return text;
}

int main() {
    std::string text;
    std::getline(std::cin, text);
    std::cout << capitalizeWords(text) << "\n";
    return 0;
}
