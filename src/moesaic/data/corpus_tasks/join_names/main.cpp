#include <iostream>
#include <string>
#include <vector>

std::string joinNames(const std::vector<std::string>& names) {
    std::string joined = names[0];
    for (size_t i = 1; i < names.size(); i++) {
        joined += i + 1 == names.size() ? " and " : ", ";
        joined += names[i];
    }
    return joined;
}

int main() {
    std::vector<std::string> names;
    for (std::string name; std::cin >> name;) {
        names.push_back(name);
    }
    std::cout << joinNames(names) << "\n";
    return 0;
}
