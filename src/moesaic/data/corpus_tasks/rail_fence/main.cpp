#include <iostream>
#include <string>
#include <vector>

std::string railFence(const std::string& word, int count) {
    std::vector<std::string> rails(count);
    int rail = 0;
    int step = 1;
    for (char letter : word) {
        rails[rail] += letter;
        if (count == 1) {
            continue;
        }
        if (rail + step < 0 || rail + step == count) {
            step = -step;
        }
        rail += step;
    }
    std::string result;
    for (const std::string& part : rails) {
        result += part;
    }
    return result;
}

int main() {
    int count;
    std::string word;
    std::cin >> count >> word;
    std::cout << railFence(word, count) << "\n";
    return 0;
}
