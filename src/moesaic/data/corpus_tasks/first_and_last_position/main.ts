import * as fs from "fs";

function lowerBound(numbers: number[], target: number): number {
    let low = 0;
    let high = numbers.length;
    while (low < high) {
        const middle = (low + high) >>> 1;
        if (numbers[middle] < target) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

function firstAndLastPosition(numbers: number[], target: number): [number, number]|undefined {
    const first = lowerBound(numbers, target);
    if (numbers[first] !== target) {
        return undefined;
    }
    return [first + 1, lowerBound(numbers, target + 1)];
}

const [target, list] = fs.readFileSync(0, "utf8").trim().split("\n");
const positions = firstAndLastPosition(list.split(" ").map(Number), Number(target));
console.log(positions === undefined ? "absent" : positions.join(" "));
