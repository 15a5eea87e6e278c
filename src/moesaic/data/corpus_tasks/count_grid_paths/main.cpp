#include <iostream>
#include <string>
#include <vector>

long long countGridPaths(const std::vector<std::string>& grid) {
    std::vector<long long> paths(grid[0].size(), 0);
    paths[0] = 1;
    for (const std::string& row : grid) {
        for (size_t column = 0; column < row.size(); column++) {
            if (row[column] == '#') {
                paths[column] = 0;
            } else if (column > 0) {
                paths[column] += paths[column - 1];
            }
        }
    }
    return paths.back();
}

int main() {
    std::vector<std::string> grid;
    for (std::string row; std::cin >> row;) {
        grid.push_back(row);
    }
    std::cout << countGridPaths(grid) << "\n";
    return 0;
}
