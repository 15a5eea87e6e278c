#include <iostream>
#include <numeric>
#include <vector>

int leaderOf(std::vector<int>& leaders, int person) {
    while (leaders[person] != person) {
        leaders[person] = leaders[leaders[person]];
        person = leaders[person];
    }
    return person;
}

int countGroups(int people, std::istream& friends) {
    std::vector<int> leaders(people + 1);
    std::iota(leaders.begin(), leaders.end(), 0);
    int groups = people;
    for (int first, second; friends >> first >> second;) {
        first = leaderOf(leaders, first);
        second = leaderOf(leaders, second);
        if (first != second) {
            leaders[first] = second;
            groups--;
        }
    }
    return groups;
}

int main() {
    int people;
    std::cin >> people;
    std::cout << countGroups(people, std::cin) << "\n";
    return 0;
}
