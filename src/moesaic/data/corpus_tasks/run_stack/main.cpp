#include <iostream>
#include <stack>
#include <string>

void runStack(std::istream& in) {
    std::stack<int> stack;
    for (std::string command; in >> command;) {
        if (command == "push") {
            int number;
            in >> number;
            stack.push(number);
        } else if (!stack.empty()) {
            std::cout << stack.top() << "\n";
            stack.pop();
        } else {
            std::cout << "empty\n";
        }
    }
}

int main() {
    runStack(std::cin);
    return 0;
}
