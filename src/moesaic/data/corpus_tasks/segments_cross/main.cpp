#include <iostream>

struct Point {
    int x, y;
};

struct Segment {
    Point start, end;
};

int side(const Segment& line, const Point& p) {
    const auto& [a, b] = line;
    return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

bool separates(const Segment& line, const Segment& other) {
    int start = side(line, other.start);
    int end = side(line, other.end);
    return (start < 0 && end > 0) || (start > 0 && end < 0);
}

bool segmentsCross(const Segment& first, const Segment& second) {
    return separates(first, second) && separates(second, first);
}

int main() {
    Segment segments[2];
    for (Segment& s : segments) {
        std::cin >> s.start.x >> s.start.y >> s.end.x >> s.end.y;
    }
    std::cout << (segmentsCross(segments[0], segments[1]) ? "yes" : "no") << "\n";
    return 0;
}
