function distance([x1, y1], [x2, y2]) {
    return Math.sqrt((x2 - x1) ** 2 + (y2 - y1) ** 2);
}

function pathLength(points) {
    let length = 0;
    for (let i = 1; i < points.length; i++) {
        length += distance(points[i - 1], points[i]);
    }
    return length;
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const points = lines.map((line) => line.split(" ").map(Number));
console.log(pathLength(points).toFixed(2));
