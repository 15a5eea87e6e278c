#include <iomanip>
#include <iostream>
#include <string>

void printLine(const std::string& name, int cents) {
    std::cout << std::left << std::setw(10) << name;
    std::cout << std::right << std::setw(8) << cents / 100.0 << "\n";
}

void printReceipt(std::istream& in) {
    int total = 0;
    std::string name;
    for (int count, price; in >> name >> count >> price;) {
        printLine(name, count * price);
        total += count * price;
    }
    printLine("total", total);
}

int main() {
    std::cout << std::fixed << std::setprecision(2);
    printReceipt(std::cin);
    return 0;
}
