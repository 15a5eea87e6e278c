#include <iostream>
#include <vector>

using Matrix = std::vector<std::vector<int>>;

Matrix rotateMatrix(const Matrix& matrix) {
    Matrix turned(matrix[0].size());
    for (auto row = matrix.rbegin(); row != matrix.rend(); ++row) {
        for (size_t j = 0; j < row->size(); j++) {
            turned[j].push_back((*row)[j]);
        }
    }
    return turned;
}

int main() {
    int rows, columns;
    std::cin >> rows >> columns;
    Matrix matrix(rows, std::vector<int>(columns));
    for (auto& row : matrix) {
        for (auto& number : row) {
            std::cin >> number;
        }
    }
    for (const auto& row : rotateMatrix(matrix)) {
        for (size_t j = 0; j < row.size(); j++) {
            std::cout << (j > 0 ? " " : "") << row[j];
        }
        std::cout << "\n";
    }
    return 0;
}
