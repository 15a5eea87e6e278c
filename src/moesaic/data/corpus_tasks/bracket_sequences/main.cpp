#include <iostream>
#include <string>

void bracketSequences(std::string& sequence, int opening, int closing) {
    if (opening == 0 && closing == 0) {
        std::cout << sequence << "\n";
        return;
    }
    if (opening > 0) {
        sequence.push_back('(');
        bracketSequences(sequence, opening - 1, closing);
        sequence.pop_back();
    }
    if (closing > opening) {
        sequence.push_back(')');
        bracketSequences(sequence, opening, closing - 1);
        sequence.pop_back();
    }
}

int main() {
    int pairs;
    std::cin >> pairs;
    std::string sequence;
    bracketSequences(sequence, pairs, pairs);
    return 0;
}
