import * as fs from "fs";

type Matrix = string[][];

function rotateMatrix(matrix: Matrix): Matrix {
    const bottomUp = [...matrix].reverse();
    return matrix[0].map((_, column) => bottomUp.map((row) => row[column]));
}

const [, ...rows] = fs.readFileSync(0, "utf8").trim().split("\n");
const turned = rotateMatrix(rows.map((row) => row.split(" ")));
console.log(turned.map((row) => row.join(" ")).join("\n"));
