#include <iostream>
#include <sstream>
#include <string>

int nextNumber(std::istream& version) {
    int number = 0;
    char dot;
    version >> number >> dot;
    return number;
}

std::string newerVersion(const std::string& first, const std::string& second) {
    std::istringstream one(first), other(second);
    while (one || other) {
        int difference = nextNumber(one) - nextNumber(other);
        if (difference != 0) {
            return difference > 0 ? first : second;
        }
    }
    return "equal";
}

int main() {
    std::string first, second;
    std::cin >> first >> second;
    std::cout << newerVersion(first, second) << "\n";
    return 0;
}
