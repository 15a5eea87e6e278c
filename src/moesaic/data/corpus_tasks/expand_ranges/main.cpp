#include <iostream>
#include <sstream>
#include <string>
#include <vector>

std::vector<int> expandRanges(const std::string& order) {
    std::vector<int> pages;
    std::istringstream entries(order);
    for (std::string entry; std::getline(entries, entry, ',');) {
        const size_t dash = entry.find('-');
        const int first = std::stoi(entry);
        const int last = dash == std::string::npos ? first : std::stoi(entry.substr(dash + 1));
        for (int page = first; page <= last; page++) {
            pages.push_back(page);
        }
    }
    return pages;
}

int main() {
    std::string order;
    std::cin >> order;
    std::string separator;
    for (int page : expandRanges(order)) {
        std::cout << separator << page;
        separator = " ";
    }
    std::cout << "\n";
    return 0;
}
