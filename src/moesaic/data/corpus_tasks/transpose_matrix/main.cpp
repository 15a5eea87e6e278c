#include <iostream>
#include <vector>

using Matrix = std::vector<std::vector<int>>;

Matrix transposeMatrix(const Matrix& matrix) {
    Matrix result(matrix[0].size(), std::vector<int>(matrix.size()));
    for (size_t i = 0; i < matrix.size(); i++) {
        for (size_t j = 0; j < matrix[0].size(); j++) {
            result[j][i] = matrix[i][j];
        }
    }
    return result;
}

int main() {
    int rows, columns;
    std::cin >> rows >> columns;
    Matrix matrix(rows, std::vector<int>(columns));
    for (auto& row : matrix) {
        for (int& number : row) {
            std::cin >> number;
        }
    }
    for (const auto& row : transposeMatrix(matrix)) {
        for (size_t j = 0; j < row.size(); j++) {
            std::cout << (j > 0 ? " " : "") << row[j];
        }
        std::cout << "\n";
    }
    return 0;
}
