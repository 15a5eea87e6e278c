#include <iostream>
#include <numeric>
#include <vector>

using Matrix = std::vector<std::vector<int>>;

std::vector<int> rowSums(const Matrix& matrix) {
    std::vector<int> sums;
    for (const auto& row : matrix) {
        sums.push_back(std::accumulate(row.begin(), row.end(), 0));
    }
    return sums;
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
    for (int sum : rowSums(matrix)) {
        std::cout << sum << "\n";
    }
    return 0;
}
