#include <algorithm>
#include <cctype>
#include <iostream>
#include <map>
#include <string>
#include <utility>

std::pair<std::string, int> mostCommonWord(std::istream& in) {
    std::map<std::string, int> counts;
    for (std::string word; in >> word;) {
        std::transform(word.begin(), word.end(), word.begin(), ::tolower);
        counts[word]++;
    }
    const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
    return *std::max_element(counts.begin(), counts.end(), fewer);
}

int main() {
    const auto [word, count] = mostCommonWord(std::cin);
    std::cout << word << " " << count << "\n";
    return 0;
}
