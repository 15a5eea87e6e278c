#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>

std::string xorCipher(const std::string& text, const std::string& key) {
    std::ostringstream encrypted;
    encrypted << std::hex << std::setfill('0');
    for (size_t i = 0; i < text.size(); i++) {
        int code = text[i] ^ key[i % key.size()];
        encrypted << std::setw(2) << code;
    }
    return encrypted.str();
}

int main() {
    std::string key, text;
    std::getline(std::cin, key);
    std::getline(std::cin, text);
    std::cout << xorCipher(text, key) << "\n";
    return 0;
}
