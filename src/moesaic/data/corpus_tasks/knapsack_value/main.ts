import * as fs from "fs";

interface Item {
    weight: number;
    value: number;
}

function knapsackValue(items: Item[], capacity: number): number {
    const best: number[] = new Array(capacity + 1).fill(0);
    for (const {weight, value} of items) {
        for (let room = capacity; room >= weight; room--) {
            best[room] = Math.max(best[room], best[room - weight] + value);
        }
    }
    return best[capacity];
}

const [capacity, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const items = lines.map((line) => {
    const [weight, value] = line.split(" ").map(Number);
    return {weight, value};
});
console.log(knapsackValue(items, Number(capacity)));
