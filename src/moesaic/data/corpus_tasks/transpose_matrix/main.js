function transposeMatrix(matrix) {
    return matrix[0].map((_, column) => matrix.map((row) => row[column]));
}

const input = require("fs").readFileSync(0, "utf8").trim();
const lines = input.split("\n").slice(1);
const matrix = lines.map((line) => line.split(" ").map(Number));
for (const row of transposeMatrix(matrix)) {
    console.log(row.join(" "));
}
