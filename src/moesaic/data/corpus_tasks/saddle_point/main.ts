import * as fs from "fs";

function saddlePoint(matrix: number[][]): [number, number]|null {
    for (const [i, row] of matrix.entries()) {
        for (const [j, number] of row.entries()) {
            const smallest = row.every((other) => other >= number);
            const largest = matrix.every((other) => other[j] <= number);
            if (smallest && largest) {
                return [i + 1, j + 1];
            }
        }
    }
    return null;
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n").slice(1);
const place = saddlePoint(lines.map((line) => line.split(" ").map(Number)));
console.log(place?.join(" ") ?? "none");
