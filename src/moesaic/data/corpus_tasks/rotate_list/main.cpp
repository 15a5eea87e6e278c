#include <algorithm>
#include <iostream>
#include <vector>

void rotateList(std::vector<int>& numbers, int steps) {
    steps %= numbers.size();
    std::rotate(numbers.begin(), numbers.begin() + steps, numbers.end());
}

int main() {
    int steps;
    std::cin >> steps;
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    rotateList(numbers, steps);
    for (int number : numbers) {
        std::cout << number << "\n";
    }
    return 0;
}
