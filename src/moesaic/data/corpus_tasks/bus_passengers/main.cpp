#include <algorithm>
#include <iostream>

int busPassengers(int seats) {
    int passengers = 0;
    int leftBehind = 0;
    for (int off, on; std::cin >> off >> on;) {
        passengers += on - off;
        leftBehind += std::max(0, passengers - seats);
        passengers = std::min(passengers, seats);
        std::cout << passengers << "\n";
    }
    return leftBehind;
}

int main() {
    int seats;
    std::cin >> seats;
    std::cout << busPassengers(seats) << "\n";
    return 0;
}
