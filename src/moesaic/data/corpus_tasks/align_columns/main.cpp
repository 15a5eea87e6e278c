#include <algorithm>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

using Row = std::vector<std::string>;

Row splitCells(const std::string& line) {
    Row row;
    std::istringstream in(line + ",");
    for (std::string cell; std::getline(in, cell, ',');) {
        row.push_back(cell);
    }
    return row;
}

void alignColumns(const std::vector<Row>& rows) {
    std::vector<size_t> widths(rows[0].size(), 0);
    for (const Row& row : rows) {
        for (size_t i = 0; i < row.size(); i++) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    for (const Row& row : rows) {
        std::cout << "|" << std::left;
        for (size_t i = 0; i < row.size(); i++) {
            std::cout << " " << std::setw(widths[i]) << row[i] << " |";
        }
        std::cout << "\n";
    }
}

int main() {
    std::vector<Row> rows;
    for (std::string line; std::getline(std::cin, line);) {
        rows.push_back(splitCells(line));
    }
    alignColumns(rows);
    return 0;
}
