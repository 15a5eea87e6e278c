#include <algorithm>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

std::map<std::string, std::string> parseQueryString(std::istream& in) {
    std::map<std::string, std::string> parameters;
    std::string name, value;
    std::getline(in, name, '?');
    while (std::getline(in, name, '=')) {
        std::getline(in, value, '&');
        std::replace(value.begin(), value.end(), '+', ' ');
        parameters[name] = value;
    }
    return parameters;
}

int main() {
    std::string address;
    std::cin >> address;
    std::istringstream in(address);
    for (const auto& [name, value] : parseQueryString(in)) {
        std::cout << name << ": " << value << "\n";
    }
    return 0;
}
