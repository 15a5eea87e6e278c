function rowSums(matrix) {
    return matrix.map((row) => row.reduce((sum, number) => sum + number, 0));
}

const input = require("fs").readFileSync(0, "utf8").trim();
const lines = input.split("\n").slice(1);
const matrix = lines.map((line) => line.split(" ").map(Number));
console.log(rowSums(matrix).join("\n"));
