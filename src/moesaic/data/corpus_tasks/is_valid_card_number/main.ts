import * as fs from "fs";

const DOUBLED = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];

function isValidCardNumber(number: string): boolean {
    const digits = number.replace(/\D/g, "");
    let sum = 0;
    for (let i = 0; i < digits.length; i++) {
        const digit = Number(digits[digits.length - 1 - i]);
        sum += i % 2 === 0 ? digit : DOUBLED[digit];
    }
    return sum % 10 === 0;
}

const number = fs.readFileSync(0, "utf8");
console.log(isValidCardNumber(number) ? "yes" : "no");
