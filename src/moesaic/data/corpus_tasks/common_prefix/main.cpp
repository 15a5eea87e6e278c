#include <iostream>
#include <string>
#include <vector>

std::string commonPrefix(const std::vector<std::string>& words) {
    std::string prefix = words.front();
    for (const std::string& word : words) {
        while (word.compare(0, prefix.size(), prefix) != 0) {
            prefix.pop_back();
        }
    }
    return prefix;
}

int main() {
    std::vector<std::string> words;
    for (std::string word; std::cin >> word;) {
        words.push_back(word);
    }
    const std::string prefix = commonPrefix(words);
    std::cout << (prefix.empty() ? "none" : prefix) << "\n";
    return 0;
}
