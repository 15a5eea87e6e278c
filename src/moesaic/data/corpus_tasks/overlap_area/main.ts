import * as fs from "fs";

class Rectangle {
    constructor(
        readonly left: number,
        readonly lower: number,
        readonly right: number,
        readonly upper: number,
    ) {
    }

    static parse(line: string): Rectangle {
        const [left, lower, right, upper] = line.split(" ").map(Number);
        return new Rectangle(left, lower, right, upper);
    }

    get area(): number {
        return Math.max(0, this.right - this.left) * Math.max(0, this.upper - this.lower);
    }
}

function overlapArea(a: Rectangle, b: Rectangle): number {
    const left = Math.max(a.left, b.left);
    const lower = Math.max(a.lower, b.lower);
    const right = Math.min(a.right, b.right);
    const upper = Math.min(a.upper, b.upper);
    return new Rectangle(left, lower, right, upper).area;
}

const [first, second] = fs.readFileSync(0, "utf8").trim().split("\n").map(Rectangle.parse);
console.log(overlapArea(first, second));
