function rotateList(numbers, steps) {
    steps %= numbers.length;
    return numbers.slice(steps).concat(numbers.slice(0, steps));
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
const steps = Number(lines[0]);
const numbers = lines[1].split(" ").map(Number);
console.log(rotateList(numbers, steps).join("\n"));
