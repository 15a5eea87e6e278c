import * as fs from "fs";

function fibonacciNumber(n: number): number {
    let [current, next] = [0, 1];
    for (let i = 0; i < n; i++) {
        [current, next] = [next, current + next];
    }
    return current;
}

const n: number = parseInt(fs.readFileSync(0, "utf8"));
console.log(fibonacciNumber(n));
