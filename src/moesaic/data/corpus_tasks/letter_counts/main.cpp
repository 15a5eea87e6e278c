#include <iostream>
#include <map>
#include <string>

std::map<char, int> letterCounts(const std::string& word) {
    std::map<char, int> counts;
    for (char letter : word) {
        counts[letter]++;
    }
    return counts;
}

int main() {
    std::string word;
    std::cin >> word;
    for (const auto& [letter, count] : letterCounts(word)) {
        std::cout << letter << " " << count << "\n";
    }
    return 0;
}
