#include <iostream>
#include <string>

void rulerMarks(int depth) {
    if (depth == 0) {
        return;
    }
    rulerMarks(depth - 1);
    std::cout << std::string(depth, '-') << "\n";
    rulerMarks(depth - 1);
}

int main() {
    int depth;
    std::cin >> depth;
    rulerMarks(depth);
    return 0;
}
