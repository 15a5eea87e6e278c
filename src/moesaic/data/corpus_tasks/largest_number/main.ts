import * as fs from "fs";

function largestNumber(numbers: number[]): number {
    let largest = numbers[0];
    for (const number of numbers) {
        if (number > largest) {
            largest = number;
        }
    }
    return largest;
}

const numbers: number[] = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(largestNumber(numbers));
