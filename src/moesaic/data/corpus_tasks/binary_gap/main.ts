import * as fs from "fs";

function binaryGap(number: number): number {
    let longest = 0;
    let lastOne: number|null = null;
    for (let bit = 0; number >> bit > 0; bit++) {
        if ((number >> bit) & 1) {
            if (lastOne !== null) {
                longest = Math.max(longest, bit - lastOne - 1);
            }
            lastOne = bit;
        }
    }
    return longest;
}

const number = Number(fs.readFileSync(0, "utf8"));
console.log(binaryGap(number));
