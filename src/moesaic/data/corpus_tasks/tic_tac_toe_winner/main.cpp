#include <iostream>
#include <string>

std::string ticTacToeWinner(const std::string& board) {
    const int lines[8][3] = {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {0, 3, 6},
                             {1, 4, 7}, {2, 5, 8}, {0, 4, 8}, {2, 4, 6}};
    for (const auto& line : lines) {
        const char mark = board[line[0]];
        if (mark != '.' && board[line[1]] == mark && board[line[2]] == mark) {
            return std::string(1, mark);
        }
    }
    return board.find('.') == std::string::npos ? "draw" : "open";
}

int main() {
    std::string board;
    for (std::string row; std::cin >> row;) {
        board += row;
    }
    std::cout << ticTacToeWinner(board) << "\n";
    return 0;
}
