function circleRelation([x1, y1, r1], [x2, y2, r2]) {
    const distance = (x1 - x2) ** 2 + (y1 - y2) ** 2;
    const [outer, inner] = [(r1 + r2) ** 2, (r1 - r2) ** 2];
    if (distance > outer) {
        return "apart";
    }
    if (distance < inner) {
        return "inside";
    }
    return distance === outer || distance === inner ? "touching" : "crossing";
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const circles = lines.map((line) => line.split(" ").map(Number));
console.log(circleRelation(...circles));
