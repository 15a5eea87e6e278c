#include <iostream>

void towerOfHanoi(int disks, char source, char target, char spare) {
    if (disks == 0) {
        return;
    }
    towerOfHanoi(disks - 1, source, spare, target);
    std::cout << source << " -> " << target << "\n";
    towerOfHanoi(disks - 1, spare, target, source);
}

int main() {
    int disks;
    std::cin >> disks;
    towerOfHanoi(disks, 'A', 'C', 'B');
    return 0;
}
