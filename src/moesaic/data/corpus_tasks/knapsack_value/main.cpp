#include <algorithm>
#include <iostream>
#include <vector>

struct Item {
    int weight;
    int value;
};

int knapsackValue(const std::vector<Item>& items, int capacity) {
    std::vector<int> best(capacity + 1, 0);
    for (const Item& item : items) {
        for (int room = capacity; room >= item.weight; room--) {
            best[room] = std::max(best[room], best[room - item.weight] + item.value);
        }
    }
    return best[capacity];
}

int main() {
    int capacity;
    std::cin >> capacity;
    std::vector<Item> items;
    for (Item item; std::cin >> item.weight >> item.value;) {
        items.push_back(item);
    }
    std::cout << knapsackValue(items, capacity) << "\n";
    return 0;
}
