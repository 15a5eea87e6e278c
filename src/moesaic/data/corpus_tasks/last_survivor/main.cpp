#include <iostream>
#include <list>
#include <numeric>

void lastSurvivor(int children, int k) {
    std::list<int> circle(children);
    std::iota(circle.begin(), circle.end(), 1);
    auto child = circle.begin();
    while (circle.size() > 1) {
        for (int count = 1; count < k; count++) {
            if (++child == circle.end()) {
                child = circle.begin();
            }
        }
        std::cout << *child << " ";
        child = circle.erase(child);
        if (child == circle.end()) {
            child = circle.begin();
        }
    }
    std::cout << circle.front() << "\n";
}

int main() {
    int children, k;
    std::cin >> children >> k;
    lastSurvivor(children, k);
    return 0;
}
