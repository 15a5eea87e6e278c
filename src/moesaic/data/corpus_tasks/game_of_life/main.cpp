#include <iostream>
#include <string>
#include <vector>

using Board = std::vector<std::string>;

bool isAlive(const Board& board, size_t row, size_t column) {
    return row < board.size() && column < board[row].size() && board[row][column] == '#';
}

Board gameOfLife(const Board& board) {
    Board next = board;
    for (size_t i = 0; i < board.size(); i++) {
        for (size_t j = 0; j < board[i].size(); j++) {
            int neighbors = -isAlive(board, i, j);
            for (int k = 0; k < 9; k++) {
                neighbors += isAlive(board, i + k / 3 - 1, j + k % 3 - 1);
            }
            const bool lives = neighbors == 3 || (neighbors == 2 && isAlive(board, i, j));
            next[i][j] = lives ? '#' : '.';
        }
    }
    return next;
}

int main() {
    size_t rows;
    std::cin >> rows;
    Board board(rows);
    for (auto& row : board) {
        std::cin >> row;
    }
    for (const auto& row : gameOfLife(board)) {
        std::cout << row << "\n";
    }
    return 0;
}
