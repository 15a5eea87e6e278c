import * as fs from "fs";

function borderSum(matrix: number[][]): number {
    const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
    const inner = matrix.slice(1, -1).map((row) => row.slice(1, -1));
    return sum(matrix.flat()) - sum(inner.flat());
}

const [, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const matrix = lines.map((line) => line.split(" ").map(Number));
console.log(borderSum(matrix));
