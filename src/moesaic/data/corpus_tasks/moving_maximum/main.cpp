#include <algorithm>
#include <iostream>
#include <vector>

std::vector<int> movingMaximum(const std::vector<int>& numbers, int size) {
    std::vector<int> maximums;
    for (auto end = numbers.begin() + size; end <= numbers.end(); ++end) {
        maximums.push_back(*std::max_element(end - size, end));
    }
    return maximums;
}

int main() {
    int size, number;
    std::cin >> size;
    std::vector<int> numbers;
    while (std::cin >> number) {
        numbers.push_back(number);
    }
    const char* separator = "";
    for (int maximum : movingMaximum(numbers, size)) {
        std::cout << separator << maximum;
        separator = " ";
    }
    std::cout << "\n";
    return 0;
}
