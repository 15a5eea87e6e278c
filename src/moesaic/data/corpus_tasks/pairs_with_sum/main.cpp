#include <iostream>
#include <vector>

int pairsWithSum(const std::vector<int>& numbers, int target) {
    int count = 0;
    for (size_t i = 0; i < numbers.size(); i++) {
        for (size_t j = i + 1; j < numbers.size(); j++) {
            if (numbers[i] + numbers[j] == target) {
                count++;
            }
        }
    }
    return count;
}

int main() {
    int target;
    std::cin >> target;
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    std::cout << pairsWithSum(numbers, target) << "\n";
    return 0;
}
