#include <cmath>
#include <iomanip>
#include <iostream>
#include <utility>
#include <vector>

double polygonArea(const std::vector<std::pair<int, int>>& corners) {
    int doubled = 0;
    for (size_t i = 0; i < corners.size(); i++) {
        auto [x, y] = corners[i];
        auto [nextX, nextY] = corners[(i + 1) % corners.size()];
        doubled += x * nextY - nextX * y;
    }
    return std::abs(doubled) / 2.0;
}

int main() {
    std::vector<std::pair<int, int>> corners;
    for (int x, y; std::cin >> x >> y;) {
        corners.push_back({x, y});
    }
    std::cout << std::fixed << std::setprecision(1) << polygonArea(corners) << "\n";
    return 0;
}
