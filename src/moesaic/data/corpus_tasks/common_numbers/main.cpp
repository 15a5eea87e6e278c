#include <iostream>
#include <set>
#include <sstream>
#include <string>

int commonNumbers(const std::set<int>& first, const std::set<int>& second) {
    int count = 0;
    for (int number : first) {
        count += second.count(number);
    }
    return count;
}

std::set<int> readNumbers() {
    std::string line;
    std::getline(std::cin, line);
    std::istringstream words(line);
    std::set<int> numbers;
    for (int number; words >> number;) {
        numbers.insert(number);
    }
    return numbers;
}

int main() {
    std::set<int> first = readNumbers();
    std::set<int> second = readNumbers();
    std::cout << commonNumbers(first, second) << "\n";
    return 0;
}
