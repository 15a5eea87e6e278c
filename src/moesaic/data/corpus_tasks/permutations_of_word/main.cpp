#include <algorithm>
#include <iostream>
#include <string>
#include <utility>

void permutationsOfWord(std::string word, size_t start) {
    if (start == word.size()) {
        std::cout << word << "\n";
        return;
    }
    std::sort(word.begin() + start, word.end());
    for (size_t i = start; i < word.size(); i++) {
        if (i > start && word[i] == word[i - 1]) {
            continue;
        }
        std::string next = word;
        std::swap(next[start], next[i]);
        permutationsOfWord(next, start + 1);
    }
}

int main() {
    std::string word;
    std::cin >> word;
    permutationsOfWord(word, 0);
    return 0;
}
