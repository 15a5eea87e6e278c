#include <functional>
#include <iostream>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

using Stop = std::pair<int, std::string>;

int cheapestRoute(std::map<std::string, std::vector<Stop>>& roads, const std::string& start,
                  const std::string& goal) {
    std::priority_queue<Stop, std::vector<Stop>, std::greater<Stop>> queue;
    std::set<std::string> finished;
    queue.push({0, start});
    while (!queue.empty()) {
        auto [price, town] = queue.top();
        queue.pop();
        if (town == goal) {
            return price;
        }
        if (finished.insert(town).second) {
            for (const auto& [cost, next] : roads[town]) {
                queue.push({price + cost, next});
            }
        }
    }
    return -1;
}

int main() {
    std::string start, goal, first, second;
    std::cin >> start >> goal;
    std::map<std::string, std::vector<Stop>> roads;
    for (int cost; std::cin >> first >> second >> cost;) {
        roads[first].push_back({cost, second});
        roads[second].push_back({cost, first});
    }
    std::cout << cheapestRoute(roads, start, goal) << "\n";
    return 0;
}
