#include <iostream>
#include <string>
#include <utility>

std::pair<int, int> robotPosition(const std::string& moves) {
    int x = 0;
    int y = 0;
    for (char move : moves) {
        if (move == 'U') {
            y++;
        } else if (move == 'D') {
            y--;
        } else if (move == 'R') {
            x++;
        } else {
            x--;
        }
    }
    return {x, y};
}

int main() {
    std::string moves;
    std::cin >> moves;
    auto [x, y] = robotPosition(moves);
    std::cout << x << " " << y << "\n";
    return 0;
}
