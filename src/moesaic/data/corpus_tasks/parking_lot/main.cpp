#include <iostream>
#include <map>
#include <set>
#include <string>

void parkingLot(std::set<int>& free) {
    std::map<std::string, int> places;
    std::string command, car;
    while (std::cin >> command >> car) {
        if (command == "in" && free.empty()) {
            std::cout << "full\n";
            continue;
        }
        if (command == "in") {
            places[car] = *free.begin();
            free.erase(free.begin());
        } else {
            free.insert(places[car]);
        }
        std::cout << places[car] << "\n";
    }
}

int main() {
    int count;
    std::cin >> count;
    std::set<int> free;
    for (int place = 1; place <= count; place++) {
        free.insert(place);
    }
    parkingLot(free);
    return 0;
}
