#include <algorithm>
#include <iostream>
#include <vector>

int cheapestClimb(const std::vector<int>& costs) {
    std::vector<int> best(costs.size() + 1, 0);
    for (size_t step = 2; step <= costs.size(); step++) {
        best[step] = std::min(best[step - 1] + costs[step - 1], best[step - 2] + costs[step - 2]);
    }
    return best.back();
}

int main() {
    std::vector<int> costs;
    for (int cost; std::cin >> cost;) {
        costs.push_back(cost);
    }
    std::cout << cheapestClimb(costs) << "\n";
    return 0;
}
