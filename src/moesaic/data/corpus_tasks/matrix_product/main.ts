import * as fs from "fs";

type Matrix = number[][];

function dot(a: number[], b: number[]): number {
    return a.reduce((sum, number, i) => sum + number * b[i], 0);
}

function matrixProduct(first: Matrix, second: Matrix): Matrix {
    const columns = second[0].map((_, j) => second.map((row) => row[j]));
    return first.map((row) => columns.map((column) => dot(row, column)));
}

const [head, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const rows: Matrix = lines.map((line) => line.split(" ").map(Number));
const product = matrixProduct(rows.slice(0, Number(head)), rows.slice(Number(head)));
console.log(product.map((row) => row.join(" ")).join("\n"));
