#include <algorithm>
#include <iostream>
#include <vector>

using Iterator = std::vector<int>::iterator;

void mergeSort(Iterator first, Iterator last) {
    if (last - first < 2) {
        return;
    }
    const Iterator middle = first + (last - first) / 2;
    mergeSort(first, middle);
    mergeSort(middle, last);
    std::vector<int> merged(last - first);
    std::merge(first, middle, middle, last, merged.begin());
    std::copy(merged.begin(), merged.end(), first);
}

int main() {
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    mergeSort(numbers.begin(), numbers.end());
    std::cout << numbers.front();
    for (auto number = numbers.begin() + 1; number != numbers.end(); ++number) {
        std::cout << " " << *number;
    }
    std::cout << "\n";
    return 0;
}
