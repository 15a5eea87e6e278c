import * as fs from "fs";

function compare(a: number[], b: number[]): number {
    if (a.length === 0 && b.length === 0) {
        return 0;
    }
    const [first = 0, ...restOfA] = a;
    const [second = 0, ...restOfB] = b;
    return first - second || compare(restOfA, restOfB);
}

function newerVersion(first: string, second: string): string {
    const [a, b] = [first, second].map((version) => version.split(".").map(Number));
    const order = compare(a, b);
    if (order === 0) {
        return "equal";
    }
    return order > 0 ? first : second;
}

const [first, second] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(newerVersion(first, second));
