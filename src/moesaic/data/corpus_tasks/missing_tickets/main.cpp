#include <iostream>
#include <set>
#include <vector>

std::vector<int> missingTickets(const std::set<int>& tickets) {
    std::vector<int> missing;
    int expected = *tickets.begin();
    for (int ticket : tickets) {
        for (; expected < ticket; expected++) {
            missing.push_back(expected);
        }
        expected = ticket + 1;
    }
    return missing;
}

int main() {
    std::set<int> tickets;
    for (int ticket; std::cin >> ticket;) {
        tickets.insert(ticket);
    }
    const std::vector<int> missing = missingTickets(tickets);
    if (missing.empty()) {
        std::cout << "complete\n";
    }
    for (int ticket : missing) {
        std::cout << ticket << "\n";
    }
    return 0;
}
