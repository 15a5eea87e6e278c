import * as fs from "fs";

function columnMaximums(matrix: number[][]): number[] {
    const maximums = [...matrix[0]];
    for (const row of matrix.slice(1)) {
        row.forEach((number, j) => {
            if (number > maximums[j]) {
                maximums[j] = number;
            }
        });
    }
    return maximums;
}

const [, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(...columnMaximums(lines.map((line) => line.split(" ").map(Number))));
