#include <iostream>
#include <string>
#include <unordered_map>

void shoppingBill(const std::unordered_map<std::string, int>& prices, std::istream& items) {
    int total = 0;
    int unsold = 0;
    for (std::string item; items >> item;) {
        const auto price = prices.find(item);
        if (price == prices.end()) {
            unsold++;
        } else {
            total += price->second;
        }
    }
    std::cout << total << " " << unsold << "\n";
}

int main() {
    int count;
    std::cin >> count;
    std::unordered_map<std::string, int> prices;
    while (count-- > 0) {
        std::string item;
        std::cin >> item;
        std::cin >> prices[item];
    }
    shoppingBill(prices, std::cin);
    return 0;
}
