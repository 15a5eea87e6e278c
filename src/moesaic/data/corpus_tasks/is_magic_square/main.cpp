#include <iostream>
#include <vector>

bool isMagicSquare(const std::vector<std::vector<int>>& square) {
    const size_t size = square.size();
    int down = 0, up = 0;
    for (size_t i = 0; i < size; i++) {
        down += square[i][i];
        up += square[i][size - 1 - i];
    }
    if (down != up) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        int row = 0, column = 0;
        for (size_t j = 0; j < size; j++) {
            row += square[i][j];
            column += square[j][i];
        }
        if (row != down || column != down) {
            return false;
        }
    }
    return true;
}

int main() {
    int size;
    std::cin >> size;
    std::vector<std::vector<int>> square(size, std::vector<int>(size));
    for (auto& row : square) {
        for (int& number : row) {
            std::cin >> number;
        }
    }
    std::cout << (isMagicSquare(square) ? "yes" : "no") << "\n";
    return 0;
}
