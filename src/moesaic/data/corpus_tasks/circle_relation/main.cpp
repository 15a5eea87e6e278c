#include <iostream>
#include <string>

struct Circle {
    int x, y, radius;
};

std::string circleRelation(const Circle& a, const Circle& b) {
    int dx = a.x - b.x;
    int dy = a.y - b.y;
    int distance = dx * dx + dy * dy;
    int sum = a.radius + b.radius;
    int difference = a.radius - b.radius;
    if (distance > sum * sum) {
        return "apart";
    }
    if (distance < difference * difference) {
        return "inside";
    }
    bool isTouching = distance == sum * sum || distance == difference * difference;
    return isTouching ? "touching" : "crossing";
}

int main() {
    Circle first, second;
    std::cin >> first.x >> first.y >> first.radius;
    std::cin >> second.x >> second.y >> second.radius;
    std::cout << circleRelation(first, second) << "\n";
    return 0;
}
