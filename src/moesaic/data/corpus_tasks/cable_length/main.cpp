#include <algorithm>
#include <iostream>
#include <numeric>
#include <vector>

struct Cable {
    int first, second, length;
};

int cableLength(int houses, std::vector<Cable> cables) {
    std::sort(cables.begin(), cables.end(),
              [](const Cable& a, const Cable& b) { return a.length < b.length; });
    std::vector<int> network(houses + 1);
    std::iota(network.begin(), network.end(), 0);
    int total = 0;
    for (const Cable& cable : cables) {
        int kept = network[cable.first];
        int gone = network[cable.second];
        if (kept != gone) {
            std::replace(network.begin(), network.end(), gone, kept);
            total += cable.length;
        }
    }
    return total;
}

int main() {
    int houses;
    std::cin >> houses;
    std::vector<Cable> cables;
    for (Cable cable; std::cin >> cable.first >> cable.second >> cable.length;) {
        cables.push_back(cable);
    }
    std::cout << cableLength(houses, cables) << "\n";
    return 0;
}
