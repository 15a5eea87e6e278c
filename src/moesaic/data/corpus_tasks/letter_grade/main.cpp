#include <iostream>
#include <string>

std::string letterGrade(int score) {
    if (score >= 90) {
        return "A";
    }
    if (score >= 75) {
        return "B";
    }
    if (score >= 60) {
        return "C";
    }
    return "F";
}

int main() {
    int score;
    std::cin >> score;
    std::cout << letterGrade(score) << "\n";
    return 0;
}
