function saddlePoint(matrix) {
    for (let i = 0; i < matrix.length; i++) {
        const smallest = Math.min(...matrix[i]);
        for (let j = 0; j < matrix[i].length; j++) {
            const column = matrix.map((row) => row[j]);
            if (matrix[i][j] === smallest && smallest === Math.max(...column)) {
                return `${i + 1} ${j + 1}`;
            }
        }
    }
    return "none";
}

const [, ...lines] = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(saddlePoint(lines.map((line) => line.split(" ").map(Number))));
