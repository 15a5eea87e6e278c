#include <iostream>
#include <queue>
#include <string>
#include <vector>

struct Place {
    int row, column, steps;
};

int shortestMazePath(std::vector<std::string> maze) {
    int height = maze.size(), width = maze[0].size();
    std::queue<Place> queue;
    for (int row = 0; row < height; row++) {
        size_t column = maze[row].find('S');
        if (column != std::string::npos) {
            queue.push({row, static_cast<int>(column), 0});
        }
    }
    while (!queue.empty()) {
        auto [row, column, steps] = queue.front();
        queue.pop();
        bool inside = row >= 0 && row < height && column >= 0 && column < width;
        if (!inside || maze[row][column] == '#') {
            continue;
        }
        if (maze[row][column] == 'E') {
            return steps;
        }
        maze[row][column] = '#';
        queue.push({row - 1, column, steps + 1});
        queue.push({row + 1, column, steps + 1});
        queue.push({row, column - 1, steps + 1});
        queue.push({row, column + 1, steps + 1});
    }
    return -1;
}

int main() {
    std::vector<std::string> maze;
    for (std::string row; std::cin >> row;) {
        maze.push_back(row);
    }
    std::cout << shortestMazePath(maze) << "\n";
    return 0;
}
