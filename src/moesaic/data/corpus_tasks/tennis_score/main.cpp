#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

std::string tennisScore(const std::string& points) {
    const int a = std::count(points.begin(), points.end(), 'A');
    const int b = points.size() - a;
    const std::string leader = a > b ? "A" : "B";
    if (std::max(a, b) >= 4 && std::abs(a - b) >= 2) {
        return "game " + leader;
    }
    if (a >= 3 && b >= 3) {
        return a == b ? "deuce" : "advantage " + leader;
    }
    const std::string calls[] = {"0", "15", "30", "40"};
    return calls[a] + "-" + calls[b];
}

int main() {
    std::string points;
    std::cin >> points;
    std::cout << tennisScore(points) << "\n";
    return 0;
}
