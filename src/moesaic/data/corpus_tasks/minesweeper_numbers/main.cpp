#include <iostream>
#include <string>
#include <vector>

std::vector<std::string> minesweeperNumbers(const std::vector<std::string>& field) {
    const int rows = field.size();
    const int columns = field[0].size();
    std::vector<std::vector<int>> counts(rows + 2, std::vector<int>(columns + 2));
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            for (int k = 0; k < 9 && field[i][j] == '*'; k++) {
                counts[i + k / 3][j + k % 3]++;
            }
        }
    }
    std::vector<std::string> result = field;
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            if (field[i][j] == '.') {
                result[i][j] = '0' + counts[i + 1][j + 1];
            }
        }
    }
    return result;
}

int main() {
    int rows;
    std::cin >> rows;
    std::vector<std::string> field(rows);
    for (std::string& row : field) {
        std::cin >> row;
    }
    for (const std::string& row : minesweeperNumbers(field)) {
        std::cout << row << "\n";
    }
    return 0;
}
