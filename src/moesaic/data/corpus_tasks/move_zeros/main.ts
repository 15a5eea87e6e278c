import * as fs from "fs";

function moveZeros(numbers: number[]): number[] {
    const others = numbers.filter((number) => number !== 0);
    const zeros = numbers.filter((number) => number === 0);
    return [...others, ...zeros];
}

const numbers = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(moveZeros(numbers).join("\n"));
