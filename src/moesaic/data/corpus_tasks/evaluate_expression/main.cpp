#include <iostream>

int evaluateExpression(std::istream& in);

int factor(std::istream& in) {
    int value = 0;
    if (in.peek() == '(') {
        in.get();
        value = evaluateExpression(in);
        in.get();
    } else {
        in >> value;
    }
    return value;
}

int term(std::istream& in) {
    int value = factor(in);
    while (in.peek() == '*') {
        in.get();
        value *= factor(in);
    }
    return value;
}

int evaluateExpression(std::istream& in) {
    int value = term(in);
    while (in.peek() == '+' || in.peek() == '-') {
        char sign = in.get();
        int next = term(in);
        value += sign == '+' ? next : -next;
    }
    return value;
}

int main() {
    std::cout << evaluateExpression(std::cin) << "\n";
    return 0;
}
