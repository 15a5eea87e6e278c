#include <algorithm>
#include <iostream>
#include <vector>

int risingDays(const std::vector<int>& prices) {
    std::vector<int> days(prices.size(), 1);
    for (size_t i = 1; i < prices.size(); i++) {
        if (prices[i] > prices[i - 1]) {
            days[i] = days[i - 1] + 1;
        }
    }
    return *std::max_element(days.begin(), days.end());
}

int main() {
    std::vector<int> prices;
    int price;
    while (std::cin >> price) {
        prices.push_back(price);
    }
    std::cout << risingDays(prices) << "\n";
    return 0;
}
