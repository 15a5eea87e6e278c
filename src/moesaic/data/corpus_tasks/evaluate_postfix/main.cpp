#include <iostream>
#include <stack>
#include <string>

int evaluatePostfix(std::istream& in) {
    std::stack<int> stack;
    for (std::string word; in >> word;) {
        if (word != "+" && word != "-" && word != "*") {
            stack.push(std::stoi(word));
            continue;
        }
        int right = stack.top();
        stack.pop();
        int& left = stack.top();
        if (word == "+") {
            left += right;
        } else if (word == "-") {
            left -= right;
        } else {
            left *= right;
        }
    }
    return stack.top();
}

int main() {
    std::cout << evaluatePostfix(std::cin) << "\n";
    return 0;
}
