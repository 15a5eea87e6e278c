#include <iostream>
#include <set>
#include <utility>
#include <vector>

std::pair<int, size_t> firstRepeatedPage(const std::vector<int>& links) {
    std::set<int> visited;
    int page = 1;
    while (visited.insert(page).second) {
        page = links[page - 1];
    }
    return {page, visited.size()};
}

int main() {
    std::vector<int> links;
    for (int link; std::cin >> link;) {
        links.push_back(link);
    }
    auto [page, clicks] = firstRepeatedPage(links);
    std::cout << page << " " << clicks << "\n";
    return 0;
}
