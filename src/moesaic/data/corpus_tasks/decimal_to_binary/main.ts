import * as fs from "fs";

function decimalToBinary(number: number): string {
    if (number < 2) {
        return String(number);
    }
    return decimalToBinary(Math.floor(number / 2)) + String(number % 2);
}

const number = Number(fs.readFileSync(0, "utf8"));
console.log(decimalToBinary(number));
