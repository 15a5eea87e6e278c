#include <iostream>
#include <sstream>
#include <string>
#include <vector>

std::string simplifyPath(const std::string& path) {
    std::vector<std::string> stack;
    std::istringstream names(path);
    for (std::string name; std::getline(names, name, '/');) {
        if (name == "..") {
            if (!stack.empty()) {
                stack.pop_back();
            }
        } else if (!name.empty() && name != ".") {
            stack.push_back(name);
        }
    }
    std::string simple;
    for (const std::string& name : stack) {
        simple += "/" + name;
    }
    return simple.empty() ? "/" : simple;
}

int main() {
    std::string path;
    std::cin >> path;
    std::cout << simplifyPath(path) << "\n";
    return 0;
}
