import * as fs from "fs";

class ListNode {
    constructor(public value: number, public next: ListNode|null = null) {
    }
}

function sortedLinkedList(commands: string[]): ListNode|null {
    const start = new ListNode(-Infinity);
    for (const command of commands) {
        const [name, word] = command.split(" ");
        const value = Number(word);
        let before = start;
        while (before.next && before.next.value < value) {
            before = before.next;
        }
        if (name === "insert") {
            before.next = new ListNode(value, before.next);
        } else if (before.next?.value === value) {
            before.next = before.next.next;
        }
    }
    return start.next;
}

function* values(node: ListNode|null): Generator<number> {
    for (; node; node = node.next) {
        yield node.value;
    }
}

const commands = fs.readFileSync(0, "utf8").trim().split("\n");
console.log([...values(sortedLinkedList(commands))].join(" ") || "empty");
