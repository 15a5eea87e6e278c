import * as fs from "fs";

function integerSquareRoot(number: number): number {
    let [low, high] = [0, number + 1];
    while (low + 1 < high) {
        const middle = Math.floor((low + high) / 2);
        if (middle ** 2 <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

const number = parseInt(fs.readFileSync(0, "utf8"), 10);
console.log(integerSquareRoot(number));
