#include <algorithm>
#include <iostream>
#include <vector>

int passCost(const std::vector<int>& days, int dayTicket, int weekPass) {
    std::vector<int> costs(days.size() + 1, 0);
    for (int i = days.size() - 1; i >= 0; i--) {
        auto next = std::lower_bound(days.begin(), days.end(), days[i] + 7);
        int afterPass = next - days.begin();
        costs[i] = std::min(costs[i + 1] + dayTicket, costs[afterPass] + weekPass);
    }
    return costs[0];
}

int main() {
    int dayTicket, weekPass;
    std::cin >> dayTicket >> weekPass;
    std::vector<int> days;
    for (int day; std::cin >> day;) {
        days.push_back(day);
    }
    std::cout << passCost(days, dayTicket, weekPass) << "\n";
    return 0;
}
