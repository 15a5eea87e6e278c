#include <iostream>

void giveChange(int amount) {
    for (int coin : {50, 20, 10, 5, 2, 1}) {
        int count = 0;
        while (amount >= coin) {
            amount -= coin;
            count++;
        }
        if (count > 0) {
            std::cout << coin << " " << count << "\n";
        }
    }
}

int main() {
    int price, paid;
    std::cin >> price >> paid;
    if (paid == price) {
        std::cout << "exact" << std::endl;
    } else {
        giveChange(paid - price);
    }
    return 0;
}
