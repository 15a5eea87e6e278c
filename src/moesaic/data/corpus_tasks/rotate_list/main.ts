import * as fs from "fs";

function rotateList<T>(items: T[], steps: number): T[] {
    const start = steps % items.length;
    return [...items.slice(start), ...items.slice(0, start)];
}

const lines = fs.readFileSync(0, "utf8").split("\n");
const rotated = rotateList(lines[1].split(" "), Number(lines[0]));
console.log(rotated.join("\n"));
