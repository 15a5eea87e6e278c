#include <algorithm>
#include <climits>
#include <iostream>
#include <string>
#include <vector>

std::string saddlePoint(const std::vector<std::vector<int>>& matrix) {
    std::vector<int> largest(matrix[0].size(), INT_MIN);
    for (const auto& row : matrix) {
        for (size_t j = 0; j < row.size(); j++) {
            largest[j] = std::max(largest[j], row[j]);
        }
    }
    for (size_t i = 0; i < matrix.size(); i++) {
        const int smallest = *std::min_element(matrix[i].begin(), matrix[i].end());
        for (size_t j = 0; j < largest.size(); j++) {
            if (matrix[i][j] == smallest && smallest == largest[j]) {
                return std::to_string(i + 1) + " " + std::to_string(j + 1);
            }
        }
    }
    return "none";
}

int main() {
    int rows, columns;
    std::cin >> rows >> columns;
    std::vector<std::vector<int>> matrix(rows, std::vector<int>(columns));
    for (auto& row : matrix) {
        for (int& number : row) {
            std::cin >> number;
        }
    }
    std::cout << saddlePoint(matrix) << "\n";
    return 0;
}
