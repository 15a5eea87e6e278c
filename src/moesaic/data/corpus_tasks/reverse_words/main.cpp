#include <iostream>
#include <sstream>
#include <string>

std::string reverseWords(const std::string& text) {
    std::istringstream words(text);
    std::string reversed;
    for (std::string word; words >> word;) {
        reversed = reversed.empty() ? word : word + " " + reversed;
    }
    return reversed;
}

int main() {
    std::string text;
    std::getline(std::cin, text);
    std::cout << reverseWords(text) << "\n";
    return 0;
}
