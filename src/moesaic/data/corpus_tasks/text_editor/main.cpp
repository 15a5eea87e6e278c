#include <algorithm>
#include <iostream>
#include <stack>
#include <string>

std::string textEditor(std::istream& in) {
    std::stack<std::string> texts({""});
    for (std::string command; in >> command;) {
        if (command == "add") {
            std::string word;
            in >> word;
            texts.push(texts.top() + word);
        } else if (command == "cut") {
            size_t count;
            in >> count;
            const std::string& text = texts.top();
            texts.push(text.substr(0, text.size() - std::min(count, text.size())));
        } else if (texts.size() > 1) {
            texts.pop();
        }
    }
    return texts.top();
}

int main() {
    std::string text = textEditor(std::cin);
    std::cout << (text.empty() ? "empty" : text) << "\n";
    return 0;
}
