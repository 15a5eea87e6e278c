#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

bool canSplitIntoWords(const std::string& text, const std::set<std::string>& words) {
    std::vector<bool> reachable(text.size() + 1, false);
    reachable[0] = true;
    for (size_t start = 0; start < text.size(); start++) {
        if (!reachable[start]) {
            continue;
        }
        for (const std::string& word : words) {
            if (text.compare(start, word.size(), word) == 0) {
                reachable[start + word.size()] = true;
            }
        }
    }
    return reachable[text.size()];
}

int main() {
    std::string line, text;
    std::getline(std::cin, line);
    std::getline(std::cin, text);
    std::istringstream in(line);
    std::set<std::string> words;
    for (std::string word; in >> word;) {
        words.insert(word);
    }
    std::cout << (canSplitIntoWords(text, words) ? "yes" : "no") << "\n";
    return 0;
}
