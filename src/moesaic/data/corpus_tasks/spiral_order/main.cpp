#include <iostream>
#include <vector>

std::vector<int> spiralOrder(const std::vector<std::vector<int>>& matrix) {
    const int rows = matrix.size();
    const int columns = matrix[0].size();
    std::vector<std::vector<bool>> visited(rows, std::vector<bool>(columns));
    const int rowSteps[] = {0, 1, 0, -1};
    const int columnSteps[] = {1, 0, -1, 0};
    std::vector<int> order;
    int row = 0, column = 0, direction = 0;
    while (static_cast<int>(order.size()) < rows * columns) {
        order.push_back(matrix[row][column]);
        visited[row][column] = true;
        const int i = row + rowSteps[direction];
        const int j = column + columnSteps[direction];
        if (i < 0 || i == rows || j < 0 || j == columns || visited[i][j]) {
            direction = (direction + 1) % 4;
        }
        row += rowSteps[direction];
        column += columnSteps[direction];
    }
    return order;
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
    const char* separator = "";
    for (int number : spiralOrder(matrix)) {
        std::cout << separator << number;
        separator = " ";
    }
    std::cout << "\n";
    return 0;
}
