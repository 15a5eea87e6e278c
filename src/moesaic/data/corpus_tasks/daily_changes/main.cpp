#include <iostream>
#include <numeric>
#include <vector>

std::vector<int> dailyChanges(const std::vector<int>& values) {
    std::vector<int> changes(values.size());
    std::adjacent_difference(values.begin(), values.end(), changes.begin());
    changes.erase(changes.begin());
    return changes;
}

int main() {
    std::vector<int> values;
    for (int value; std::cin >> value;) {
        values.push_back(value);
    }
    for (int change : dailyChanges(values)) {
        std::cout << (change > 0 ? "+" : "") << change << "\n";
    }
    return 0;
}
