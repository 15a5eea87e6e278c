#include <iostream>
#include <sstream>
#include <string>
#include <vector>

std::vector<int> readList() {
    std::string line;
    std::getline(std::cin, line);
    std::istringstream numbers(line);
    std::vector<int> list;
    for (int number; numbers >> number;) {
        list.push_back(number);
    }
    return list;
}

std::vector<int> interleaveLists(const std::vector<int>& first, const std::vector<int>& second) {
    std::vector<int> result;
    for (size_t i = 0; i < first.size() || i < second.size(); i++) {
        if (i < first.size()) {
            result.push_back(first[i]);
        }
        if (i < second.size()) {
            result.push_back(second[i]);
        }
    }
    return result;
}

int main() {
    const std::vector<int> first = readList();
    const std::vector<int> result = interleaveLists(first, readList());
    for (size_t i = 0; i < result.size(); i++) {
        std::cout << result[i] << (i + 1 < result.size() ? " " : "\n");
    }
    return 0;
}
