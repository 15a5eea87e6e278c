#include <iostream>
#include <string>
#include <utility>

std::pair<char, int> longestRun(const std::string& word) {
    std::pair<char, int> best = {' ', 0};
    std::pair<char, int> current = best;
    for (char letter : word) {
        if (letter != current.first) {
            current = {letter, 0};
        }
        current.second++;
        if (current.second > best.second) {
            best = current;
        }
    }
    return best;
}

int main() {
    std::string word;
    std::cin >> word;
    const auto [letter, length] = longestRun(word);
    std::cout << letter << " " << length << "\n";
    return 0;
}
