#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

void sortByLength(std::vector<std::string>& words) {
    std::sort(words.begin(), words.end(), [](const auto& a, const auto& b) {
        return a.size() != b.size() ? a.size() < b.size() : a < b;
    });
}

int main() {
    std::vector<std::string> words;
    for (std::string word; std::cin >> word;) {
        words.push_back(word);
    }
    sortByLength(words);
    for (const std::string& word : words) {
        std::cout << word << "\n";
    }
    return 0;
}
