#include <algorithm>
#include <iostream>
#include <vector>

std::vector<int> columnMaximums(int rows, int columns) {
    std::vector<int> maximums;
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            int number;
            std::cin >> number;
            if (i == 0) {
                maximums.push_back(number);
            }
            maximums[j] = std::max(maximums[j], number);
        }
    }
    return maximums;
}

int main() {
    int rows, columns;
    std::cin >> rows >> columns;
    const std::vector<int> maximums = columnMaximums(rows, columns);
    for (int j = 0; j < columns; j++) {
        std::cout << maximums[j] << (j + 1 < columns ? ' ' : '\n');
    }
    return 0;
}
