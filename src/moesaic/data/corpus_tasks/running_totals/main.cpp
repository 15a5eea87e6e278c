#include <iostream>
#include <vector>

std::vector<int> runningTotals(const std::vector<int>& numbers) {
    int total = 0;
    std::vector<int> totals;
    for (int number : numbers) {
        total += number;
        totals.push_back(total);
    }
    return totals;
}

int main() {
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    for (int total : runningTotals(numbers)) {
        std::cout << total << "\n";
    }
    return 0;
}
