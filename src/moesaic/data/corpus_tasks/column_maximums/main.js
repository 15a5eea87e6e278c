function columnMaximums(matrix) {
    return matrix.reduce((maximums, row) => maximums.map((m, j) => Math.max(m, row[j])));
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n").slice(1);
const matrix = lines.map((line) => line.split(" ").map(Number));
console.log(columnMaximums(matrix).join(" "));
