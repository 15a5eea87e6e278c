#include <algorithm>
#include <iostream>

struct Rectangle {
    int left, lower, right, upper;
};

std::istream& operator>>(std::istream& in, Rectangle& r) {
    return in >> r.left >> r.lower >> r.right >> r.upper;
}

int overlapArea(const Rectangle& a, const Rectangle& b) {
    int width = std::min(a.right, b.right) - std::max(a.left, b.left);
    int height = std::min(a.upper, b.upper) - std::max(a.lower, b.lower);
    return std::max(width, 0) * std::max(height, 0);
}

int main() {
    Rectangle first, second;
    std::cin >> first >> second;
    std::cout << overlapArea(first, second) << "\n";
    return 0;
}
