#include <iostream>
#include <unordered_set>
#include <vector>

bool hasZeroSumRun(const std::vector<int>& numbers) {
    std::unordered_set<int> sums = {0};
    int sum = 0;
    for (int number : numbers) {
        sum += number;
        if (!sums.insert(sum).second) {
            return true;
        }
    }
    return false;
}

int main() {
    std::vector<int> numbers;
    int number;
    while (std::cin >> number) {
        numbers.push_back(number);
    }
    std::cout << (hasZeroSumRun(numbers) ? "yes" : "no") << "\n";
    return 0;
}
