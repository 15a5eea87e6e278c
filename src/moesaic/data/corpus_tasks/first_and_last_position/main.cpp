#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

std::string firstAndLastPosition(const std::vector<int>& numbers, int target) {
    const auto first = std::lower_bound(numbers.begin(), numbers.end(), target);
    const auto last = std::upper_bound(first, numbers.end(), target);
    if (first == last) {
        return "absent";
    }
    const auto begin = numbers.begin();
    return std::to_string(first - begin + 1) + " " + std::to_string(last - begin);
}

int main() {
    int target, number;
    std::cin >> target;
    std::vector<int> numbers;
    while (std::cin >> number) {
        numbers.push_back(number);
    }
    std::cout << firstAndLastPosition(numbers, target) << "\n";
    return 0;
}
