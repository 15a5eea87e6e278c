import * as fs from "fs";

function risingDays(prices: number[]): number {
    let days = 0;
    const lengths = prices.map((price, i) => {
        days = i > 0 && price > prices[i - 1] ? days + 1 : 1;
        return days;
    });
    return Math.max(...lengths);
}

const prices: number[] = fs.readFileSync(0, "utf8").trim().split(/\s+/).map(Number);
console.log(risingDays(prices));
