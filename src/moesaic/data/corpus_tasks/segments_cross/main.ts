import * as fs from "fs";

type Point = {
    x: number; y: number
};
type Segment = {
    start: Point; end: Point
};

function side({start, end}: Segment, point: Point): number {
    const toEnd = {x: end.x - start.x, y: end.y - start.y};
    const toPoint = {x: point.x - start.x, y: point.y - start.y};
    return Math.sign(toEnd.x * toPoint.y - toEnd.y * toPoint.x);
}

function segmentsCross(a: Segment, b: Segment): boolean {
    const sidesOfA = side(a, b.start) * side(a, b.end);
    const sidesOfB = side(b, a.start) * side(b, a.end);
    return sidesOfA < 0 && sidesOfB < 0;
}

const [first, second] = fs.readFileSync(0, "utf8").trim().split("\n").map((line): Segment => {
    const [x1, y1, x2, y2] = line.split(" ").map(Number);
    return {start: {x: x1, y: y1}, end: {x: x2, y: y2}};
});
console.log(segmentsCross(first, second) ? "yes" : "no");
