#include <iostream>
#include <queue>

class CallCounter {
public:
    int recentCalls(int time) {
        times.push(time);
        while (times.front() <= time - 60) {
            times.pop();
        }
        return times.size();
    }

private:
    std::queue<int> times;
};

int main() {
    CallCounter counter;
    for (int time; std::cin >> time;) {
        std::cout << counter.recentCalls(time) << "\n";
    }
    return 0;
}
