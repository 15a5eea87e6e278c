function searchInMatrix(matrix, target, row = 0, column = matrix[0].length - 1) {
    if (row === matrix.length || column < 0) {
        return "absent";
    }
    const number = matrix[row][column];
    if (number === target) {
        return `${row + 1} ${column + 1}`;
    }
    return number > target ? searchInMatrix(matrix, target, row, column - 1) :
                             searchInMatrix(matrix, target, row + 1, column);
}

const [target, , ...lines] = require("fs").readFileSync(0, "utf8").trim().split("\n");
const matrix = lines.map((line) => line.split(" ").map(Number));
console.log(searchInMatrix(matrix, Number(target)));
