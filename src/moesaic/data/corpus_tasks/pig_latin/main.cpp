#include <iostream>
#include <string>

std::string pigLatin(const std::string& word) {
    const size_t start = word.find_first_of("aeiou");
    if (start == 0) {
        return word + "way";
    }
    if (start == std::string::npos) {
        return word + "ay";
    }
    return word.substr(start) + word.substr(0, start) + "ay";
}

int main() {
    std::string word;
    std::cin >> word;
    std::cout << pigLatin(word);
    while (std::cin >> word) {
        std::cout << " " << pigLatin(word);
    }
    std::cout << "\n";
    return 0;
}
