#include <iostream>
#include <vector>

std::vector<int> moveZeros(const std::vector<int>& numbers) {
    std::vector<int> moved;
    for (int number : numbers) {
        if (number != 0) {
            moved.push_back(number);
        }
    }
    moved.resize(numbers.size(), 0);
    return moved;
}

int main() {
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    for (int number : moveZeros(numbers)) {
        std::cout << number << "\n";
    }
    return 0;
}
