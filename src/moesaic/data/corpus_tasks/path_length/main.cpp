#include <cmath>
#include <iomanip>
#include <iostream>
#include <vector>

struct Point {
    double x, y;
};

double pathLength(const std::vector<Point>& points) {
    double length = 0;
    for (size_t i = 1; i < points.size(); i++) {
        length += std::hypot(points[i].x - points[i - 1].x, points[i].y - points[i - 1].y);
    }
    return length;
}

int main() {
    std::vector<Point> points;
    for (Point point; std::cin >> point.x >> point.y;) {
        points.push_back(point);
    }
    std::cout << std::fixed << std::setprecision(2) << pathLength(points) << "\n";
    return 0;
}
