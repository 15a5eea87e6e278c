function borderSum(matrix) {
    let sum = 0;
    matrix.forEach((row, i) => {
        row.forEach((number, j) => {
            const inside = i > 0 && j > 0 && i < matrix.length - 1 && j < row.length - 1;
            sum += inside ? 0 : number;
        });
    });
    return sum;
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(borderSum(lines.slice(1).map((line) => line.split(" ").map(Number))));
