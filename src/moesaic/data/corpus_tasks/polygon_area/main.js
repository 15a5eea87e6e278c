function polygonArea(corners) {
    const doubled = corners.reduce((sum, [x, y], index) => {
        const [nextX, nextY] = corners[(index + 1) % corners.length];
        return sum + x * nextY - nextX * y;
    }, 0);
    return Math.abs(doubled) / 2;
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const corners = lines.map((line) => line.split(" ").map(Number));
console.log(polygonArea(corners).toFixed(1));
