function side([x1, y1, x2, y2], x, y) {
    return (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1);
}

function separates(line, [x1, y1, x2, y2]) {
    return side(line, x1, y1) * side(line, x2, y2) < 0;
}

function segmentsCross(first, second) {
    return separates(first, second) && separates(second, first);
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const [first, second] = lines.map((line) => line.split(" ").map(Number));
console.log(segmentsCross(first, second) ? "yes" : "no");
