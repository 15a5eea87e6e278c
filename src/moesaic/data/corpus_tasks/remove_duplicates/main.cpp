#include <iostream>
#include <set>
#include <vector>

std::vector<int> removeDuplicates(const std::vector<int>& numbers) {
    std::set<int> seen;
    std::vector<int> unique;
    for (int number : numbers) {
        if (seen.insert(number).second) {
            unique.push_back(number);
        }
    }
    return unique;
}

int main() {
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    for (int number : removeDuplicates(numbers)) {
        std::cout << number << "\n";
    }
    return 0;
}
