#include <iostream>
#include <queue>
#include <string>
#include <tuple>

void printerQueue(std::istream& in) {
    std::priority_queue<std::tuple<int, int, std::string>> queue;
    int number = 0;
    for (std::string command; in >> command;) {
        if (command == "add") {
            std::string name;
            int priority;
            in >> name >> priority;
            queue.push({priority, --number, name});
        } else if (queue.empty()) {
            std::cout << "idle\n";
        } else {
            std::cout << std::get<std::string>(queue.top()) << "\n";
            queue.pop();
        }
    }
}

int main() {
    printerQueue(std::cin);
    return 0;
}
