#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

struct Player {
    std::string name;
    int points;
};

bool operator<(const Player& a, const Player& b) {
    return a.points != b.points ? a.points > b.points : a.name < b.name;
}

void rankPlayers(std::vector<Player>& players) {
    std::sort(players.begin(), players.end());
    int rank = 1;
    for (size_t i = 0; i < players.size(); i++) {
        if (i > 0 && players[i].points != players[i - 1].points) {
            rank = i + 1;
        }
        std::cout << rank << " " << players[i].name << "\n";
    }
}

int main() {
    int count;
    std::cin >> count;
    std::vector<Player> players(count);
    for (Player& player : players) {
        std::cin >> player.name >> player.points;
    }
    rankPlayers(players);
    return 0;
}
