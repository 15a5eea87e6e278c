#include <iostream>
#include <vector>

void insertionSort(std::vector<int>& numbers) {
    for (size_t i = 1; i < numbers.size(); i++) {
        int number = numbers[i];
        size_t gap = i;
        while (gap > 0 && numbers[gap - 1] < number) {
            numbers[gap] = numbers[gap - 1];
            gap--;
        }
        numbers[gap] = number;
    }
}

int main() {
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    insertionSort(numbers);
    for (int number : numbers) {
        std::cout << number << "\n";
    }
    return 0;
}
