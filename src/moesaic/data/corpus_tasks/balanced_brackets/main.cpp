#include <iostream>
#include <map>
#include <stack>
#include <string>

bool balancedBrackets(const std::string& text) {
    const std::map<char, char> partners = {{'(', ')'}, {'[', ']'}, {'{', '}'}};
    std::stack<char> stack;
    for (char symbol : text) {
        if (partners.count(symbol)) {
            stack.push(partners.at(symbol));
        } else if (symbol == ')' || symbol == ']' || symbol == '}') {
            if (stack.empty() || stack.top() != symbol) {
                return false;
            }
            stack.pop();
        }
    }
    return stack.empty();
}

int main() {
    std::string text;
    std::getline(std::cin, text);
    std::cout << (balancedBrackets(text) ? "yes" : "no") << "\n";
    return 0;
}
