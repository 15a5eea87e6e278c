import sys
from dataclasses import dataclass


@dataclass
class Node:
    value: int
    next: "Node | None"


def insert(node, value):
    if node is None or node.value > value:
        return Node(value, node)
    node.next = insert(node.next, value)
    return node


def delete(node, value):
    if node is None or node.value == value:
        return node and node.next
    node.next = delete(node.next, value)
    return node


def sorted_linked_list(commands):
    head = None
    for command in commands:
        name, value = command.split()
        change = insert if name == "insert" else delete
        head = change(head, int(value))
    return head


def main():
    node = sorted_linked_list(sys.stdin.readlines())
    values = []
    while node:
        values.append(node.value)
        node = node.next
    print(*values or ["empty"])


if __name__ == "__main__":
    main()
