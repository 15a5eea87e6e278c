#include <iostream>
#include <vector>

int binarySearch(const std::vector<int>& numbers, int target) {
    int low = 0;
    int high = numbers.size() - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        if (numbers[middle] == target) {
            return middle;
        }
        if (numbers[middle] < target) {
            low = middle + 1;
        } else {
            high = middle - 1;
        }
    }
    return -1;
}

int main() {
    int target;
    std::cin >> target;
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    std::cout << binarySearch(numbers, target) << "\n";
    return 0;
}
