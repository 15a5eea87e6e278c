#include <algorithm>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

std::set<std::string> readNames() {
    std::string line;
    std::getline(std::cin, line);
    std::istringstream words(line);
    return {std::istream_iterator<std::string>(words), {}};
}

std::vector<std::string> onlyInOneList(const std::set<std::string>& a,
                                       const std::set<std::string>& b) {
    std::vector<std::string> names;
    std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(),
                                  std::back_inserter(names));
    return names;
}

int main() {
    const auto first = readNames();
    const auto names = onlyInOneList(first, readNames());
    if (names.empty()) {
        std::cout << "equal\n";
    }
    for (const std::string& name : names) {
        std::cout << name << "\n";
    }
    return 0;
}
