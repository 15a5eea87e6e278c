import * as fs from "fs";

const GOAL = 6174;

function next(number: number): number {
    const ascending = [...number.toString().padStart(4, "0")].sort();
    const descending = [...ascending].reverse();
    return Number(descending.join("")) - Number(ascending.join(""));
}

function kaprekarSteps(number: number): number {
    let steps = 0;
    for (; number !== GOAL; number = next(number)) {
        steps++;
    }
    return steps;
}

const number = Number(fs.readFileSync(0, "utf8"));
console.log(kaprekarSteps(number));
