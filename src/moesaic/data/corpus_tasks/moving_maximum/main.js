function movingMaximum(numbers, size) {
    const starts = numbers.slice(size - 1).keys();
    return Array.from(starts, (start) => Math.max(...numbers.slice(start, start + size)));
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const size = Number(lines[0]);
const numbers = lines[1].split(" ").map(Number);
console.log(movingMaximum(numbers, size).join(" "));
