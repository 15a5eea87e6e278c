#include <algorithm>
#include <iostream>
#include <vector>

int maximumSubarraySum(const std::vector<int>& numbers) {
    int best = numbers[0];
    int current = 0;
    for (int number : numbers) {
        current = std::max(current + number, number);
        best = std::max(best, current);
    }
    return best;
}

int main() {
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    std::cout << maximumSubarraySum(numbers) << "\n";
    return 0;
}
