import * as fs from "fs";

function taskOrder(size: number, pairs: number[][]): number[] {
    const waits: number[] = new Array(size + 1).fill(0);
    for (const [, after] of pairs) {
        waits[after]++;
    }
    const order: number[] = [];
    while (order.length < size) {
        const task = waits.findIndex((count, index) => index > 0 && count === 0);
        order.push(task);
        waits[task] = -1;
        for (const [before, after] of pairs) {
            if (before === task) {
                waits[after]--;
            }
        }
    }
    return order;
}

const [size, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const pairs = lines.map((line) => line.split(" ").map(Number));
for (const task of taskOrder(Number(size), pairs)) {
    console.log(task);
}
