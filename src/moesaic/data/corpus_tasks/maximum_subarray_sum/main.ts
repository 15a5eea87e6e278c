import * as fs from "fs";

function maximumSubarraySum(numbers: number[]): number {
    let best = numbers[0];
    let current = 0;
    for (const number of numbers) {
        current = Math.max(current + number, number);
        best = Math.max(best, current);
    }
    return best;
}

const numbers = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(maximumSubarraySum(numbers));
