#include <iostream>
#include <vector>

using Rivals = std::vector<std::vector<int>>;

bool assign(const Rivals& rivals, std::vector<int>& teams, int player, int team) {
    if (teams[player] != 0) {
        return teams[player] == team;
    }
    teams[player] = team;
    for (int rival : rivals[player]) {
        if (!assign(rivals, teams, rival, 3 - team)) {
            return false;
        }
    }
    return true;
}

bool canFormTwoTeams(const Rivals& rivals) {
    std::vector<int> teams(rivals.size(), 0);
    for (size_t player = 1; player < rivals.size(); player++) {
        if (teams[player] == 0 && !assign(rivals, teams, player, 1)) {
            return false;
        }
    }
    return true;
}

int main() {
    int players;
    std::cin >> players;
    Rivals rivals(players + 1);
    for (int first, second; std::cin >> first >> second;) {
        rivals[first].push_back(second);
        rivals[second].push_back(first);
    }
    std::cout << (canFormTwoTeams(rivals) ? "yes" : "no") << "\n";
    return 0;
}
