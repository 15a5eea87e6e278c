function cheapestClimb(costs) {
    let [beforeLast, last] = [0, 0];
    for (const cost of costs) {
        [beforeLast, last] = [last, cost + Math.min(beforeLast, last)];
    }
    return Math.min(beforeLast, last);
}

const input = require("fs").readFileSync(0, "utf8").trim();
const costs = input.split(" ").map(Number);
console.log(cheapestClimb(costs));
