import * as fs from "fs";

function movingMaximum(numbers: number[], size: number): number[] {
    const maximums: number[] = [];
    for (let start = 0; start + size <= numbers.length; start++) {
        let maximum = numbers[start];
        for (let i = start + 1; i < start + size; i++) {
            maximum = Math.max(maximum, numbers[i]);
        }
        maximums.push(maximum);
    }
    return maximums;
}

const [first, second] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(movingMaximum(second.split(" ").map(Number), Number(first)).join(" "));
