function diagonalDifference(matrix) {
    let difference = 0;
    for (let i = 0; i < matrix.length; i++) {
        difference += matrix[i][i] - matrix[i][matrix.length - 1 - i];
    }
    return Math.abs(difference);
}

const input = require("fs").readFileSync(0, "utf8").trim();
const lines = input.split("\n").slice(1);
const matrix = lines.map((line) => line.split(" ").map(Number));
console.log(diagonalDifference(matrix));
