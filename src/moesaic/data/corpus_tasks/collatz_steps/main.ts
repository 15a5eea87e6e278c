import * as fs from "fs";

function collatzSteps(number: number): number {
    let steps = 0;
    while (number !== 1) {
        number = number % 2 === 0 ? number / 2 : 3 * number + 1;
        steps++;
    }
    return steps;
}

const number = Number(fs.readFileSync(0, "utf8"));
console.log(collatzSteps(number));
