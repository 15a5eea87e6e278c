#include <iostream>
#include <string>
#include <unordered_map>

size_t firstUniqueLetter(const std::string& word) {
    std::unordered_map<char, int> counts;
    for (char letter : word) {
        counts[letter]++;
    }
    for (size_t i = 0; i < word.size(); i++) {
        if (counts[word[i]] == 1) {
            return i;
        }
    }
    return std::string::npos;
}

int main() {
    std::string word;
    std::cin >> word;
    const size_t index = firstUniqueLetter(word);
    if (index == std::string::npos) {
        std::cout << "none\n";
    } else {
        std::cout << word[index] << " " << index + 1 << "\n";
    }
    return 0;
}
