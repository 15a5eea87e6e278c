#include <iostream>
#include <string>
#include <vector>

using Map = std::vector<std::string>;

void visit(Map& map, int row, int column) {
    int height = map.size();
    int width = map[0].size();
    if (row < 0 || row >= height || column < 0 || column >= width || map[row][column] != '#') {
        return;
    }
    map[row][column] = '.';
    visit(map, row - 1, column);
    visit(map, row + 1, column);
    visit(map, row, column - 1);
    visit(map, row, column + 1);
}

int countIslands(Map map) {
    int islands = 0;
    for (size_t row = 0; row < map.size(); row++) {
        for (size_t column = 0; column < map[row].size(); column++) {
            if (map[row][column] == '#') {
                islands++;
                visit(map, row, column);
            }
        }
    }
    return islands;
}

int main() {
    Map map;
    for (std::string row; std::cin >> row;) {
        map.push_back(row);
    }
    std::cout << countIslands(map) << "\n";
    return 0;
}
