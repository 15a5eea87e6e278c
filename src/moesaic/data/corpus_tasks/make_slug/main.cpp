#include <cctype>
#include <iostream>
#include <string>

std::string makeSlug(const std::string& heading) {
    std::string slug;
    for (unsigned char symbol : heading) {
        if (std::isalnum(symbol)) {
            slug += std::tolower(symbol);
        } else if (!slug.empty() && slug.back() != '-') {
            slug += '-';
        }
    }
    if (!slug.empty() && slug.back() == '-') {
        slug.pop_back();
    }
    return slug;
}

int main() {
    std::string heading;
    std::getline(std::cin, heading);
    std::cout << makeSlug(heading) << "\n";
    return 0;
}
