#include <iostream>
#include <sstream>
#include <string>

std::string longestWord(const std::string& text) {
    std::istringstream words(text);
    std::string longest;
    for (std::string word; words >> word;) {
        if (word.size() > longest.size()) {
            longest = word;
        }
    }
    return longest;
}

int main() {
    std::string text;
    std::getline(std::cin, text);
    std::cout << longestWord(text) << "\n";
    return 0;
}
