import * as fs from "fs";

class Child {
    next: Child = this;

    constructor(readonly id: number) {
    }
}

function lastSurvivor(children: number, k: number): number[] {
    const first = new Child(1);
    let before = first;
    for (let id = 2; id <= children; id++) {
        before.next = new Child(id);
        before = before.next;
        before.next = first;
    }
    const order: number[] = [];
    while (order.length < children) {
        for (let count = 1; count < k; count++) {
            before = before.next;
        }
        order.push(before.next.id);
        before.next = before.next.next;
    }
    return order;
}

const [children, k] = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(lastSurvivor(children, k).join(" "));
