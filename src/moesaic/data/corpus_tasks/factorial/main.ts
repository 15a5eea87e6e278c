import * as fs from "fs";

function factorial(number: number): number {
    return number === 0 ? 1 : number * factorial(number - 1);
}

const number = Number(fs.readFileSync(0, "utf8").trim());
console.log(factorial(number));
