import * as fs from "fs";

function binarySearch(numbers: number[], target: number): number {
    let low = 0;
    let high = numbers.length - 1;
    while (low <= high) {
        const middle = Math.floor((low + high) / 2);
        if (numbers[middle] === target) {
            return middle;
        }
        if (numbers[middle] < target) {
            low = middle + 1;
        } else {
            high = middle - 1;
        }
    }
    return -1;
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n");
const numbers = lines[1].split(" ").map(Number);
console.log(binarySearch(numbers, Number(lines[0])));
