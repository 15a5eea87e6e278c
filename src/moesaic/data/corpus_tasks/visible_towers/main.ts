import * as fs from "fs";

function visibleTowers(towers: number[]): number {
    return towers.filter((tower, i) => towers.slice(0, i).every((other) => other < tower)).length;
}

const towers: number[] = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(visibleTowers(towers));
