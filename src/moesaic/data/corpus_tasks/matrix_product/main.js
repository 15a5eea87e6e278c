function matrixProduct(first, second) {
    return first.map(
        (row) =>
            second.map((_, j) => row.reduce((sum, number, k) => sum + number * second[k][j], 0)),
    );
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const size = Number(lines.shift());
const rows = lines.map((line) => line.split(" ").map(Number));
for (const row of matrixProduct(rows.slice(0, size), rows.slice(size))) {
    console.log(row.join(" "));
}
