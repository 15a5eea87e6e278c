#include <iostream>
#include <queue>
#include <vector>

std::vector<int> finishOrder(std::vector<int> times, int turn) {
    std::queue<int> queue;
    for (size_t job = 0; job < times.size(); job++) {
        queue.push(job);
    }
    std::vector<int> finished;
    while (!queue.empty()) {
        int job = queue.front();
        queue.pop();
        times[job] -= turn;
        if (times[job] > 0) {
            queue.push(job);
        } else {
            finished.push_back(job + 1);
        }
    }
    return finished;
}

int main() {
    int turn;
    std::cin >> turn;
    std::vector<int> times;
    for (int time; std::cin >> time;) {
        times.push_back(time);
    }
    for (int job : finishOrder(times, turn)) {
        std::cout << job << "\n";
    }
    return 0;
}
