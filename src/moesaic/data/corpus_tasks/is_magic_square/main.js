const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

function isMagicSquare(square) {
    const last = square.length - 1;
    const target = sum(square[0]);
    return (
        square.every((row) => sum(row) === target) &&
        square.every((_, j) => sum(square.map((row) => row[j])) === target) &&
        sum(square.map((row, i) => row[i])) === target &&
        sum(square.map((row, i) => row[last - i])) === target);
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const square = lines.slice(1).map((line) => line.split(" ").map(Number));
console.log(isMagicSquare(square) ? "yes" : "no");
