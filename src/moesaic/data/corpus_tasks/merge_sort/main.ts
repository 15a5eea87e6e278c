import * as fs from "fs";

function mergeSort(numbers: number[]): number[] {
    if (numbers.length <= 1) {
        return numbers;
    }
    const half = numbers.length >> 1;
    const left = mergeSort(numbers.slice(0, half));
    const right = mergeSort(numbers.slice(half));
    const merged: number[] = [];
    while (left.length > 0 && right.length > 0) {
        const source = left[0] <= right[0] ? left : right;
        merged.push(source.shift()!);
    }
    return [...merged, ...left, ...right];
}

const numbers = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(mergeSort(numbers).join(" "));
