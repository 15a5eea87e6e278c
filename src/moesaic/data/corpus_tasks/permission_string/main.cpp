#include <iostream>
#include <string>

std::string permissionString(const std::string& digits) {
    const std::string letters = "rwx";
    std::string permissions;
    for (char digit : digits) {
        for (int i = 0; i < 3; i++) {
            bool isSet = (digit - '0') & (4 >> i);
            permissions += isSet ? letters[i] : '-';
        }
    }
    return permissions;
}

int main() {
    std::string digits;
    std::cin >> digits;
    std::cout << permissionString(digits) << "\n";
    return 0;
}
