import * as fs from "fs";

function secondLargest(numbers: number[]): number {
    const unique = Array.from(new Set(numbers)).sort((a, b) => b - a);
    return unique.length > 1 ? unique[1] : unique[0];
}

const numbers = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(secondLargest(numbers));
