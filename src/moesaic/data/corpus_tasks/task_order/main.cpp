#include <functional>
#include <iostream>
#include <queue>
#include <vector>

std::vector<int> taskOrder(const std::vector<std::vector<int>>& followers, std::vector<int> waits) {
    std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
    for (size_t task = 1; task < waits.size(); task++) {
        if (waits[task] == 0) {
            ready.push(task);
        }
    }
    std::vector<int> order;
    while (!ready.empty()) {
        int task = ready.top();
        ready.pop();
        order.push_back(task);
        for (int after : followers[task]) {
            if (--waits[after] == 0) {
                ready.push(after);
            }
        }
    }
    return order;
}

int main() {
    int size;
    std::cin >> size;
    std::vector<std::vector<int>> followers(size + 1);
    std::vector<int> waits(size + 1, 0);
    for (int before, after; std::cin >> before >> after;) {
        followers[before].push_back(after);
        waits[after]++;
    }
    for (int task : taskOrder(followers, waits)) {
        std::cout << task << "\n";
    }
    return 0;
}
