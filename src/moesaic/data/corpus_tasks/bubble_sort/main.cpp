#include <iostream>
#include <utility>
#include <vector>

void bubbleSort(std::vector<int>& numbers) {
    for (size_t end = numbers.size(); end > 1; end--) {
        for (size_t i = 1; i < end; i++) {
            if (numbers[i - 1] > numbers[i]) {
                std::swap(numbers[i - 1], numbers[i]);
            }
        }
    }
}

int main() {
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    bubbleSort(numbers);
    for (int number : numbers) {
        std::cout << number << "\n";
    }
    return 0;
}
