#include <cctype>
#include <iostream>
#include <string>

std::string alternateCase(std::string text) {
    bool upper = true;
    for (char& symbol : text) {
        if (std::isalpha(symbol)) {
            symbol = upper ? std::toupper(symbol) : std::tolower(symbol);
            upper = !upper;
        }
    }
    return text;
}

int main() {
    std::string text;
    std::getline(std::cin, text);
    std::cout << alternateCase(text) << "\n";
    return 0;
}
