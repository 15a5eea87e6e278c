import * as fs from "fs";

function sumOfDigits(number: number): number {
    let total = 0;
    for (; number > 0; number = Math.floor(number / 10)) {
        total += number % 10;
    }
    return total;
}

const number = Number(fs.readFileSync(0, "utf8"));
console.log(sumOfDigits(number));
