#include <algorithm>
#include <iostream>
#include <iterator>
#include <utility>
#include <vector>

void print(const std::vector<int>& numbers) {
    for (size_t i = 0; i < numbers.size(); i++) {
        std::cout << numbers[i] << (i + 1 == numbers.size() ? "\n" : " ");
    }
}

void selectionSortPasses(std::vector<int>& numbers) {
    for (auto start = numbers.begin(); start + 1 != numbers.end(); ++start) {
        std::swap(*start, *std::min_element(start, numbers.end()));
        print(numbers);
    }
}

int main() {
    std::vector<int> numbers{std::istream_iterator<int>(std::cin), {}};
    selectionSortPasses(numbers);
    return 0;
}
