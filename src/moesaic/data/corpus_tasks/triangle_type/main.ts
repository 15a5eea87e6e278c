import * as fs from "fs";

function triangleType(sides: number[]): string {
    const lengths = new Set(sides);
    if (lengths.size === 1)
        return "equilateral";
    return lengths.size === 2 ? "isosceles" : "scalene";
}

const sides = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(triangleType(sides));
