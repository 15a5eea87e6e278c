#include <iostream>
#include <string>
#include <vector>

void browserHistory(std::istream& in) {
    std::vector<std::string> pages = {"home"};
    size_t current = 0;
    for (std::string command; in >> command;) {
        if (command == "open") {
            pages.resize(++current);
            std::string page;
            in >> page;
            pages.push_back(page);
        } else if (command == "back" && current > 0) {
            current--;
        } else if (command == "forward" && current + 1 < pages.size()) {
            current++;
        }
        std::cout << pages[current] << "\n";
    }
}

int main() {
    browserHistory(std::cin);
    return 0;
}
