import * as fs from "fs";

function isMagicSquare(square: number[][]): boolean {
    const size = square.length;
    const rows: number[] = new Array(size).fill(0);
    const columns: number[] = new Array(size).fill(0);
    const diagonals = [0, 0];
    square.forEach((row, i) => {
        row.forEach((number, j) => {
            rows[i] += number;
            columns[j] += number;
        });
        diagonals[0] += row[i];
        diagonals[1] += row[size - 1 - i];
    });
    return new Set([...rows, ...columns, ...diagonals]).size === 1;
}

const [, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const square = lines.map((line) => line.split(" ").map(Number));
console.log(isMagicSquare(square) ? "yes" : "no");
