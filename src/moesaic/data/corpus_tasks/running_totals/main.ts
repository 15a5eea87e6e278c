import * as fs from "fs";

function runningTotals(numbers: number[]): number[] {
    let total = 0;
    return numbers.map((number) => (total += number));
}

const numbers = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(runningTotals(numbers).join("\n"));
