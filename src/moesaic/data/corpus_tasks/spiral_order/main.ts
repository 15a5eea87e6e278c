import * as fs from "fs";

function turnLeft(matrix: string[][]): string[][] {
    const columns = matrix.length > 0 ? matrix[0].map((_, j) => matrix.map((row) => row[j])) : [];
    return columns.reverse();
}

function spiralOrder(matrix: string[][]): string[] {
    const order: string[] = [];
    while (matrix.length > 0) {
        order.push(...matrix[0]);
        matrix = turnLeft(matrix.slice(1));
    }
    return order;
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n").slice(1);
console.log(spiralOrder(lines.map((line) => line.split(" "))).join(" "));
