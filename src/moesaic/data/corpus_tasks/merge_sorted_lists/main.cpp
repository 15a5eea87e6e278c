#include <algorithm>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

std::vector<int> mergeSortedLists(const std::vector<int>& first, const std::vector<int>& second) {
    std::vector<int> merged;
    std::merge(first.begin(), first.end(), second.begin(), second.end(),
               std::back_inserter(merged));
    return merged;
}

std::vector<int> readNumbers() {
    std::string line;
    std::getline(std::cin, line);
    std::istringstream words(line);
    std::vector<int> numbers;
    for (int number; words >> number;) {
        numbers.push_back(number);
    }
    return numbers;
}

int main() {
    std::vector<int> first = readNumbers();
    std::vector<int> second = readNumbers();
    for (int number : mergeSortedLists(first, second)) {
        std::cout << number << "\n";
    }
    return 0;
}
