import * as fs from "fs";

function giveChange(amount: number, [coin, ...smaller]: number[]): string[] {
    if (amount === 0) {
        return [];
    }
    const count = Math.floor(amount / coin);
    const rest = giveChange(amount % coin, smaller);
    return count > 0 ? [`${coin} ${count}`, ...rest] : rest;
}

const [price, paid] = fs.readFileSync(0, "utf8").split(" ").map(Number);
const change = giveChange(paid - price, [50, 20, 10, 5, 2, 1]);
console.log(change.length > 0 ? change.join("\n") : "exact");
