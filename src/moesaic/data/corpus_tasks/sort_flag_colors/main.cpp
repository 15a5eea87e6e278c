#include <algorithm>
#include <iostream>
#include <string>

void sortFlagColors(std::string& stripes) {
    const auto isRed = [](char stripe) { return stripe == 'r'; };
    const auto isWhite = [](char stripe) { return stripe == 'w'; };
    const auto rest = std::partition(stripes.begin(), stripes.end(), isRed);
    std::partition(rest, stripes.end(), isWhite);
}

int main() {
    std::string stripes;
    std::cin >> stripes;
    sortFlagColors(stripes);
    std::cout << stripes << "\n";
    return 0;
}
