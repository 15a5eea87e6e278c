#include <algorithm>
#include <cctype>
#include <iostream>
#include <string>

std::string acronymOfPhrase(std::istream& words) {
    std::string acronym;
    for (std::string word; words >> word;) {
        std::transform(word.begin(), word.end(), word.begin(), ::toupper);
        if (word != "AND" && word != "OF" && word != "THE") {
            acronym += word[0];
        }
    }
    return acronym;
}

int main() {
    std::cout << acronymOfPhrase(std::cin) << "\n";
    return 0;
}
