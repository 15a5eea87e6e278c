function spiralOrder(matrix) {
    if (matrix.length === 0) {
        return [];
    }
    const [top, ...rest] = matrix;
    const turned = top.map((_, j) => rest.map((row) => row[j])).reverse();
    return [...top, ...spiralOrder(rest.length > 0 ? turned : [])];
}

const [, ...lines] = require("fs").readFileSync(0, "utf8").trim().split("\n");
const matrix = lines.map((line) => line.split(" "));
console.log(spiralOrder(matrix).join(" "));
