function overlap(firstStart, firstEnd, secondStart, secondEnd) {
    const length = Math.min(firstEnd, secondEnd) - Math.max(firstStart, secondStart);
    return Math.max(0, length);
}

function overlapArea([left, lower, right, upper], other) {
    const width = overlap(left, right, other[0], other[2]);
    const height = overlap(lower, upper, other[1], other[3]);
    return width * height;
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const [first, second] = lines.map((line) => line.split(" ").map(Number));
console.log(overlapArea(first, second));
