import * as fs from "fs";

type Circle = [x: number, y: number, radius: number];
type Relation = "apart"|"inside"|"touching"|"crossing";

function circleRelation(a: Circle, b: Circle): Relation {
    const distance = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2;
    const outer = distance - (a[2] + b[2]) ** 2;
    const inner = distance - (a[2] - b[2]) ** 2;
    if (outer === 0 || inner === 0) {
        return "touching";
    }
    if (outer > 0) {
        return "apart";
    }
    return inner < 0 ? "inside" : "crossing";
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n");
const [first, second] = lines.map((line) => line.split(" ").map(Number) as Circle);
console.log(circleRelation(first, second));
