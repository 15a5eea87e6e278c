#include <iostream>

int borderSum(int rows, int columns) {
    int sum = 0;
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            int number;
            std::cin >> number;
            const bool edgeRow = i == 0 || i == rows - 1;
            const bool edgeColumn = j == 0 || j == columns - 1;
            if (edgeRow || edgeColumn) {
                sum += number;
            }
        }
    }
    return sum;
}

int main() {
    int rows, columns;
    std::cin >> rows >> columns;
    std::cout << borderSum(rows, columns) << "\n";
    return 0;
}
