#include <iostream>
#include <stack>
#include <vector>

std::vector<int> daysUntilWarmer(const std::vector<int>& temperatures) {
    std::vector<int> waits(temperatures.size(), 0);
    std::stack<int> stack;
    for (size_t day = 0; day < temperatures.size(); day++) {
        while (!stack.empty() && temperatures[stack.top()] < temperatures[day]) {
            waits[stack.top()] = day - stack.top();
            stack.pop();
        }
        stack.push(day);
    }
    return waits;
}

int main() {
    std::vector<int> temperatures;
    for (int temperature; std::cin >> temperature;) {
        temperatures.push_back(temperature);
    }
    std::vector<int> waits = daysUntilWarmer(temperatures);
    for (size_t day = 0; day < waits.size(); day++) {
        std::cout << (day > 0 ? " " : "") << waits[day];
    }
    std::cout << "\n";
    return 0;
}
