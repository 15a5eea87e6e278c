#include <iostream>
#include <string>

std::string caesarCipher(std::string text, int key) {
    for (char& letter : text) {
        if (letter >= 'a' && letter <= 'z') {
            letter = (letter - 'a' + key) % 26 + 'a';
        }
    }
    return text;
}

int main() {
    int key;
    std::string text;
    std::cin >> key >> std::ws;
    std::getline(std::cin, text);
    std::cout << caesarCipher(text, key) << "\n";
    return 0;
}
