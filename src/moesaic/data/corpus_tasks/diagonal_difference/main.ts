import * as fs from "fs";

function diagonalDifference(matrix: number[][]): number {
    const size = matrix.length;
    let difference = 0;
    matrix.forEach((row, i) => {
        difference += row[i] - row[size - 1 - i];
    });
    return Math.abs(difference);
}

const [, ...rows] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(diagonalDifference(rows.map((row) => row.split(" ").map(Number))));
