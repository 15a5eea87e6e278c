#include <iostream>
#include <vector>

long long diceSumWays(int dice, int total) {
    std::vector<long long> ways(total + 1, 0);
    ways[0] = 1;
    for (int die = 0; die < dice; die++) {
        std::vector<long long> next(total + 1, 0);
        for (int points = 0; points <= total; points++) {
            for (int face = 1; face <= 6 && points + face <= total; face++) {
                next[points + face] += ways[points];
            }
        }
        ways = next;
    }
    return ways[total];
}

int main() {
    int dice, total;
    std::cin >> dice >> total;
    std::cout << diceSumWays(dice, total) << "\n";
    return 0;
}
