function insert(node, value) {
    if (!node || node.value > value) {
        return {value, next: node};
    }
    return {...node, next: insert(node.next, value)};
}

function remove(node, value) {
    if (!node) {
        return null;
    }
    return node.value === value ? node.next : {...node, next: remove(node.next, value)};
}

function sortedLinkedList(commands) {
    let head = null;
    for (const command of commands) {
        const [name, value] = command.split(" ");
        head = name === "insert" ? insert(head, Number(value)) : remove(head, Number(value));
    }
    return head;
}

const commands = require("fs").readFileSync(0, "utf8").trim().split("\n");
const values = [];
for (let node = sortedLinkedList(commands); node; node = node.next) {
    values.push(node.value);
}
console.log(values.join(" ") || "empty");
