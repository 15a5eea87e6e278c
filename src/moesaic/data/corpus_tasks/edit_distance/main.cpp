#include <algorithm>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

int editDistance(const std::string& first, const std::string& second) {
    std::vector<int> above(second.size() + 1);
    std::iota(above.begin(), above.end(), 0);
    for (size_t i = 1; i <= first.size(); i++) {
        std::vector<int> row(second.size() + 1, i);
        for (size_t j = 1; j <= second.size(); j++) {
            if (first[i - 1] == second[j - 1]) {
                row[j] = above[j - 1];
            } else {
                row[j] = 1 + std::min({above[j - 1], above[j], row[j - 1]});
            }
        }
        above = row;
    }
    return above.back();
}

int main() {
    std::string first, second;
    std::cin >> first >> second;
    std::cout << editDistance(first, second) << "\n";
    return 0;
}
