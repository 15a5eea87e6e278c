function taskOrder(size, pairs) {
    const open = new Set();
    for (let task = 1; task <= size; task++) {
        open.add(task);
    }
    const order = [];
    while (open.size > 0) {
        const isReady = (task) =>
            !pairs.some(([before, after]) => after === task && open.has(before));
        const next = [...open].find(isReady);
        open.delete(next);
        order.push(next);
    }
    return order;
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const pairs = lines.slice(1).map((line) => line.split(" ").map(Number));
console.log(taskOrder(Number(lines[0]), pairs).join("\n"));
