import * as fs from "fs";

function rowSums(matrix: number[][]): number[] {
    return matrix.map((row) => row.reduce((sum, number) => sum + number, 0));
}

const [, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const matrix = lines.map((line) => line.split(" ").map(Number));
console.log(rowSums(matrix).join("\n"));
