#include <cstdlib>
#include <iostream>
#include <vector>

using Matrix = std::vector<std::vector<int>>;

int diagonalDifference(const Matrix& matrix) {
    int difference = 0;
    for (size_t i = 0; i < matrix.size(); i++) {
        difference += matrix[i][i] - matrix[i][matrix.size() - 1 - i];
    }
    return std::abs(difference);
}

int main() {
    int size;
    std::cin >> size;
    Matrix matrix(size, std::vector<int>(size));
    for (auto& row : matrix) {
        for (int& number : row) {
            std::cin >> number;
        }
    }
    std::cout << diagonalDifference(matrix) << "\n";
    return 0;
}
