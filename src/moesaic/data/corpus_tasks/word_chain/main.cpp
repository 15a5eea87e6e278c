#include <iostream>
#include <string>

bool wordChain(std::istream& in) {
    std::string last, word;
    in >> last;
    while (in >> word) {
        if (last.back() != word.front()) {
            return false;
        }
        last = word;
    }
    return true;
}

int main() {
    std::cout << (wordChain(std::cin) ? "yes" : "no") << "\n";
    return 0;
}
