import * as fs from "fs";

function commonNumbers(first: Set<number>, second: Set<number>): number {
    let count = 0;
    first.forEach((number) => {
        if (second.has(number)) {
            count++;
        }
    });
    return count;
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n");
const [first, second] = lines.map((line) => new Set(line.split(" ").map(Number)));
console.log(commonNumbers(first, second));
