import * as fs from "fs";

function transposeMatrix(matrix: number[][]): number[][] {
    return matrix[0].map((_, column) => matrix.map((row) => row[column]));
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n").slice(1);
const matrix = lines.map((line) => line.split(" ").map(Number));
for (const row of transposeMatrix(matrix)) {
    console.log(row.join(" "));
}
