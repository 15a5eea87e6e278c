#include <iostream>
#include <map>
#include <string>

bool isomorphicWords(const std::string& first, const std::string& second) {
    if (first.size() != second.size()) {
        return false;
    }
    std::map<char, char> forward, backward;
    for (size_t i = 0; i < first.size(); i++) {
        const char a = forward.emplace(first[i], second[i]).first->second;
        const char b = backward.emplace(second[i], first[i]).first->second;
        if (a != second[i] || b != first[i]) {
            return false;
        }
    }
    return true;
}

int main() {
    std::string first, second;
    std::cin >> first >> second;
    std::cout << (isomorphicWords(first, second) ? "yes" : "no") << "\n";
    return 0;
}
