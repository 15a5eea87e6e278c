import * as fs from "fs";

interface Point {
    x: number;
    y: number;
}

function polygonArea(corners: Point[]): number {
    let doubled = 0;
    let last = corners[corners.length - 1];
    for (const corner of corners) {
        doubled += last.x * corner.y - corner.x * last.y;
        last = corner;
    }
    return Math.abs(doubled / 2);
}

const corners = fs.readFileSync(0, "utf8").trim().split("\n").map((line): Point => {
    const [x, y] = line.split(" ").map(Number);
    return {x, y};
});
console.log(polygonArea(corners).toFixed(1));
