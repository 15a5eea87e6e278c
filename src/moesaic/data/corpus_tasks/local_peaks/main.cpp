#include <iostream>
#include <iterator>
#include <vector>

std::vector<int> localPeaks(const std::vector<int>& heights) {
    std::vector<int> peaks;
    for (size_t i = 1; i + 1 < heights.size(); i++) {
        if (heights[i - 1] < heights[i] && heights[i] > heights[i + 1]) {
            peaks.push_back(heights[i]);
        }
    }
    return peaks;
}

int main() {
    const std::vector<int> heights{std::istream_iterator<int>(std::cin), {}};
    const std::vector<int> peaks = localPeaks(heights);
    if (peaks.empty()) {
        std::cout << "flat";
    }
    for (size_t i = 0; i < peaks.size(); i++) {
        std::cout << (i ? " " : "") << peaks[i];
    }
    std::cout << "\n";
    return 0;
}
