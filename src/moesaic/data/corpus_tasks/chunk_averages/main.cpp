#include <algorithm>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <vector>

std::vector<double> chunkAverages(const std::vector<int>& numbers, size_t size) {
    std::vector<double> averages;
    for (size_t start = 0; start < numbers.size(); start += size) {
        const auto first = numbers.begin() + start;
        const size_t length = std::min(size, numbers.size() - start);
        averages.push_back(std::accumulate(first, first + length, 0.0) / length);
    }
    return averages;
}

int main() {
    size_t size;
    std::cin >> size;
    std::vector<int> numbers;
    for (int number; std::cin >> number;) {
        numbers.push_back(number);
    }
    for (double average : chunkAverages(numbers, size)) {
        std::cout << std::fixed << std::setprecision(2) << average << "\n";
    }
    return 0;
}
