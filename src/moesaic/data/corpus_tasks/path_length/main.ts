import * as fs from "fs";

function pathLength(points: number[][]): number {
    const [[x, y], ...rest] = points;
    if (rest.length === 0) {
        return 0;
    }
    const [nextX, nextY] = rest[0];
    return Math.hypot(nextX - x, nextY - y) + pathLength(rest);
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n");
const points: number[][] = lines.map((line) => line.split(" ").map(Number));
console.log(pathLength(points).toFixed(2));
