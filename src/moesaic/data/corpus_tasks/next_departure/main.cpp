#include <iomanip>
#include <iostream>
#include <numeric>
#include <vector>

int nextDeparture(const std::vector<int>& intervals) {
    int multiple = 1;
    for (int interval : intervals) {
        multiple = std::lcm(multiple, interval);
    }
    return (8 * 60 + multiple) % (24 * 60);
}

int main() {
    std::vector<int> intervals;
    for (int interval; std::cin >> interval;) {
        intervals.push_back(interval);
    }
    int minutes = nextDeparture(intervals);
    std::cout << std::setfill('0') << std::setw(2) << minutes / 60 << ":" << std::setw(2)
              << minutes % 60 << "\n";
    return 0;
}
