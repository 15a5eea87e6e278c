#include <iostream>
#include <string>
#include <vector>

const std::vector<std::string> SMALL = {"zero",    "one",     "two",       "three",    "four",
                                        "five",    "six",     "seven",     "eight",    "nine",
                                        "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                        "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
const std::vector<std::string> TENS = {"",      "",      "twenty",  "thirty", "forty",
                                       "fifty", "sixty", "seventy", "eighty", "ninety"};

std::string numberInWords(int number) {
    if (number < 20) {
        return SMALL[number];
    }
    if (number < 100) {
        std::string words = TENS[number / 10];
        if (number % 10 > 0) {
            words += "-" + SMALL[number % 10];
        }
        return words;
    }
    std::string words = SMALL[number / 100] + " hundred";
    if (number % 100 > 0) {
        words += " and " + numberInWords(number % 100);
    }
    return words;
}

int main() {
    int number;
    std::cin >> number;
    std::cout << numberInWords(number) << "\n";
    return 0;
}
