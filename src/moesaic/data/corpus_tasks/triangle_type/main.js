function triangleType(a, b, c) {
    if (a === b && b === c) {
        return "equilateral";
    }
    if (a === b || b === c || a === c) {
        return "isosceles";
    }
    return "scalene";
}

const input = require("fs").readFileSync(0, "utf8").trim();
const [a, b, c] = input.split(" ").map(Number);
console.log(triangleType(a, b, c));
