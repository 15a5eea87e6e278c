#include <iostream>

int visibleTowers(std::istream& towers) {
    int visible = 0;
    int highest = 0;
    for (int tower; towers >> tower;) {
        if (tower > highest) {
            highest = tower;
            visible++;
        }
    }
    return visible;
}

int main() {
    std::cout << visibleTowers(std::cin) << std::endl;
    return 0;
}
