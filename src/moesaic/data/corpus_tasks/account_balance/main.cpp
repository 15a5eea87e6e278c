#include <iostream>
#include <vector>

int accountBalance(const std::vector<int>& bookings) {
    int balance = 0;
    for (int booking : bookings) {
        if (balance + booking >= 0) {
            balance += booking;
        }
    }
    return balance;
}

int main() {
    std::vector<int> bookings;
    for (int booking; std::cin >> booking;) {
        bookings.push_back(booking);
    }
    std::cout << accountBalance(bookings) << "\n";
    return 0;
}
