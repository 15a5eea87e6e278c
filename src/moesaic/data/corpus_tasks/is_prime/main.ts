import * as fs from "fs";

function isPrime(number: number): boolean {
    for (let divisor = 2; divisor * divisor <= number; divisor++) {
        if (number % divisor === 0) {
            return false;
        }
    }
    return number >= 2;
}

const number = Number(fs.readFileSync(0, "utf8"));
console.log(isPrime(number) ? "yes" : "no");
