import * as fs from "fs";

function cheapestClimb(costs: number[]): number {
    const best = [0, 0];
    for (const cost of costs) {
        best.push(cost + Math.min(...best.slice(-2)));
    }
    return Math.min(...best.slice(-2));
}

const costs = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(cheapestClimb(costs));
