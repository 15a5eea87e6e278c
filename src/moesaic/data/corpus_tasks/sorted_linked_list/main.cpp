#include <iostream>
#include <memory>
#include <string>
#include <utility>

struct Node {
    int value;
    std::unique_ptr<Node> next;
};

std::unique_ptr<Node> sortedLinkedList(std::istream& in) {
    std::unique_ptr<Node> head;
    int value;
    for (std::string command; in >> command >> value;) {
        std::unique_ptr<Node>* place = &head;
        while (*place && (*place)->value < value) {
            place = &(*place)->next;
        }
        if (command == "insert") {
            *place = std::make_unique<Node>(Node{value, std::move(*place)});
        } else if (*place && (*place)->value == value) {
            *place = std::move((*place)->next);
        }
    }
    return head;
}

int main() {
    std::unique_ptr<Node> head = sortedLinkedList(std::cin);
    if (!head) {
        std::cout << "empty";
    }
    for (Node* node = head.get(); node; node = node->next.get()) {
        std::cout << node->value << (node->next ? " " : "");
    }
    std::cout << "\n";
    return 0;
}
