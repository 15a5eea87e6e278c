#include <iostream>
#include <iterator>
#include <set>
#include <utility>

std::pair<int, int> widestGap(const std::multiset<int>& posts) {
    std::pair<int, int> widest(*posts.begin(), *posts.begin());
    int before = *posts.begin();
    for (int post : posts) {
        if (post - before > widest.second - widest.first) {
            widest = {before, post};
        }
        before = post;
    }
    return widest;
}

int main() {
    const std::multiset<int> posts{std::istream_iterator<int>(std::cin), {}};
    const auto [start, end] = widestGap(posts);
    std::cout << start << " " << end << "\n";
    return 0;
}
