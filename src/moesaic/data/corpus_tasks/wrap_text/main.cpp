#include <iostream>
#include <string>
#include <vector>

std::vector<std::string> wrapText(std::istream& words, size_t width) {
    std::vector<std::string> lines;
    for (std::string word; words >> word;) {
        if (!lines.empty() && lines.back().size() + 1 + word.size() <= width) {
            lines.back() += " " + word;
        } else {
            lines.push_back(word);
        }
    }
    return lines;
}

int main() {
    size_t width;
    std::cin >> width;
    for (const std::string& line : wrapText(std::cin, width)) {
        std::cout << line << "\n";
    }
    return 0;
}
