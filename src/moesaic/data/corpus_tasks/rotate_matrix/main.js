function rotateMatrix(matrix) {
    const turned = matrix[0].map(() => []);
    for (const row of matrix) {
        row.forEach((number, j) => turned[j].unshift(number));
    }
    return turned;
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const matrix = lines.slice(1).map((line) => line.split(" "));
rotateMatrix(matrix).forEach((row) => console.log(row.join(" ")));
