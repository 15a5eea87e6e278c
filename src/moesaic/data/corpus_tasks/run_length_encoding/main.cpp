#include <iostream>
#include <string>

std::string runLengthEncoding(const std::string& word) {
    std::string encoded;
    int count = 0;
    for (size_t i = 0; i < word.size(); i++) {
        count++;
        if (i + 1 == word.size() || word[i] != word[i + 1]) {
            encoded += word[i] + std::to_string(count);
            count = 0;
        }
    }
    return encoded;
}

int main() {
    std::string word;
    std::cin >> word;
    std::cout << runLengthEncoding(word) << "\n";
    return 0;
}
