#include <algorithm>
#include <iostream>
#include <string>

std::string differingPositions(std::string first, std::string second) {
    const size_t length = std::max(first.size(), second.size());
    first.resize(length, ' ');
    second.resize(length, ' ');
    std::string positions;
    for (size_t i = 0; i < length; i++) {
        if (first[i] != second[i]) {
            positions += (positions.empty() ? "" : " ") + std::to_string(i + 1);
        }
    }
    return positions.empty() ? "same" : positions;
}

int main() {
    std::string first, second;
    std::cin >> first >> second;
    std::cout << differingPositions(first, second) << "\n";
    return 0;
}
