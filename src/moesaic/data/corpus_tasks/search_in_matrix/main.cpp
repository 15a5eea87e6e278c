#include <iostream>
#include <vector>

bool searchInMatrix(const std::vector<std::vector<int>>& matrix, int target, int& row,
                    int& column) {
    row = 0;
    column = matrix[0].size() - 1;
    while (row < static_cast<int>(matrix.size()) && column >= 0) {
        const int number = matrix[row][column];
        if (number == target) {
            return true;
        }
        if (number > target) {
            column--;
        } else {
            row++;
        }
    }
    return false;
}

int main() {
    int target, rows, columns;
    std::cin >> target >> rows >> columns;
    std::vector<std::vector<int>> matrix(rows, std::vector<int>(columns));
    for (auto& line : matrix) {
        for (int& number : line) {
            std::cin >> number;
        }
    }
    int row, column;
    if (searchInMatrix(matrix, target, row, column)) {
        std::cout << row + 1 << " " << column + 1 << "\n";
    } else {
        std::cout << "absent\n";
    }
    return 0;
}
