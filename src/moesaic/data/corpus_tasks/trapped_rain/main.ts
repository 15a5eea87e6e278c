import * as fs from "fs";

function highestSoFar(walls: number[]): number[] {
    let highest = 0;
    return walls.map((wall) => (highest = Math.max(highest, wall)));
}

function trappedRain(walls: number[]): number {
    const left = highestSoFar(walls);
    const right = highestSoFar([...walls].reverse()).reverse();
    let water = 0;
    for (let i = 0; i < walls.length; i++) {
        water += Math.min(left[i], right[i]) - walls[i];
    }
    return water;
}

const walls = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(trappedRain(walls));
