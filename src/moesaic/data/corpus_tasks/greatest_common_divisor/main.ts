import * as fs from "fs";

function greatestCommonDivisor(a: number, b: number): number {
    return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

const [a, b] = fs.readFileSync(0, "utf8").split(" ").map(Number);
console.log(greatestCommonDivisor(a, b));
