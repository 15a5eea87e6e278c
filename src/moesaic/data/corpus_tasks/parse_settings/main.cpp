#include <iostream>
#include <string>

std::string trim(const std::string& text) {
    size_t start = text.find_first_not_of(' ');
    if (start == std::string::npos) {
        return "";
    }
    return text.substr(start, text.find_last_not_of(' ') - start + 1);
}

void parseSettings(std::istream& in) {
    std::string section;
    for (std::string line; std::getline(in, line);) {
        line = trim(line);
        if (line.empty() || line[0] == '#') {
            continue;
        }
        if (line[0] == '[') {
            section = line.substr(1, line.size() - 2);
        } else {
            size_t equals = line.find('=');
            std::cout << section << "." << trim(line.substr(0, equals)) << "="
                      << trim(line.substr(equals + 1)) << "\n";
        }
    }
}

int main() {
    parseSettings(std::cin);
    return 0;
}
