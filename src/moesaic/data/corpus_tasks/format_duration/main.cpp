#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

std::string formatDuration(long seconds) {
    const std::vector<std::pair<char, long>> units = {
        {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    if (seconds == 0) {
        return "0s";
    }
    std::ostringstream text;
    for (const auto& [unit, length] : units) {
        if (seconds >= length) {
            if (text.tellp() > 0) {
                text << ' ';
            }
            text << seconds / length << unit;
            seconds %= length;
        }
    }
    return text.str();
}

int main() {
    long seconds;
    std::cin >> seconds;
    std::cout << formatDuration(seconds) << "\n";
    return 0;
}
