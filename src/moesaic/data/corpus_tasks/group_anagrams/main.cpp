#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <vector>

std::vector<std::string> groupAnagrams(std::istream& in) {
    std::vector<std::string> groups;
    std::map<std::string, size_t> numbers;
    for (std::string word; in >> word;) {
        std::string key = word;
        std::sort(key.begin(), key.end());
        const auto [entry, isNew] = numbers.emplace(key, groups.size());
        if (isNew) {
            groups.push_back(word);
        } else {
            groups[entry->second] += " " + word;
        }
    }
    return groups;
}

int main() {
    for (const std::string& group : groupAnagrams(std::cin)) {
        std::cout << group << "\n";
    }
    return 0;
}
