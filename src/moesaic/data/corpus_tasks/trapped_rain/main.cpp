#include <algorithm>
#include <iostream>
#include <vector>

int trappedRain(const std::vector<int>& walls) {
    const int n = walls.size();
    std::vector<int> left(walls), right(walls);
    for (int i = 1; i < n; i++) {
        left[i] = std::max(left[i - 1], walls[i]);
    }
    for (int i = n - 2; i >= 0; i--) {
        right[i] = std::max(right[i + 1], walls[i]);
    }
    int water = 0;
    for (int i = 0; i < n; i++) {
        water += std::min(left[i], right[i]) - walls[i];
    }
    return water;
}

int main() {
    std::vector<int> walls;
    for (int wall; std::cin >> wall;) {
        walls.push_back(wall);
    }
    std::cout << trappedRain(walls) << "\n";
    return 0;
}
