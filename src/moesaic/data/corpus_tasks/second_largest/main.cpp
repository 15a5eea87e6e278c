#include <iostream>
#include <iterator>
#include <set>

int secondLargest(const std::set<int>& numbers) {
    if (numbers.size() == 1) {
        return *numbers.begin();
    }
    return *std::next(numbers.rbegin());
}

int main() {
    std::set<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.insert(number);
    }
    std::cout << secondLargest(numbers) << "\n";
    return 0;
}
