function knapsackValue(items, capacity) {
    const best = new Array(capacity + 1).fill(0);
    for (const [weight, value] of items) {
        for (let room = capacity; room >= weight; room--) {
            best[room] = Math.max(best[room], best[room - weight] + value);
        }
    }
    return best[capacity];
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const capacity = Number(lines[0]);
const items = lines.slice(1).map((line) => line.split(" ").map(Number));
console.log(knapsackValue(items, capacity));
