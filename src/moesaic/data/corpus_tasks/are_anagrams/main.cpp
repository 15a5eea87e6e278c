#include <algorithm>
#include <iostream>
#include <string>

bool areAnagrams(std::string first, std::string second) {
    std::sort(first.begin(), first.end());
    std::sort(second.begin(), second.end());
    return first == second;
}

int main() {
    std::string first, second;
    std::cin >> first >> second;
    std::cout << (areAnagrams(first, second) ? "yes" : "no") << "\n";
    return 0;
}
