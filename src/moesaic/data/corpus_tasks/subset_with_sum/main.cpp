#include <iostream>
#include <vector>

bool subsetWithSum(const std::vector<int>& weights, size_t next, int target) {
    if (target == 0) {
        return true;
    }
    if (next == weights.size() || target < 0) {
        return false;
    }
    const bool used = subsetWithSum(weights, next + 1, target - weights[next]);
    return used || subsetWithSum(weights, next + 1, target);
}

int main() {
    int target;
    std::cin >> target;
    std::vector<int> weights;
    for (int weight; std::cin >> weight;) {
        weights.push_back(weight);
    }
    std::cout << (subsetWithSum(weights, 0, target) ? "yes" : "no") << "\n";
    return 0;
}
