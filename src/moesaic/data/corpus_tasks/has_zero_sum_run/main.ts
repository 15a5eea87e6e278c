import * as fs from "fs";

function hasZeroSumRun(numbers: number[]): boolean {
    const seen: Record<number, boolean> = {0: true};
    let sum = 0;
    for (const number of numbers) {
        sum += number;
        if (seen[sum]) {
            return true;
        }
        seen[sum] = true;
    }
    return false;
}

const numbers = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(hasZeroSumRun(numbers) ? "yes" : "no");
