import * as fs from "fs";

function rulerMarks(depth: number, draw: (mark: string) => void): void {
    if (depth === 0) {
        return;
    }
    rulerMarks(depth - 1, draw);
    draw("-".repeat(depth));
    rulerMarks(depth - 1, draw);
}

const depth = Number(fs.readFileSync(0, "utf8"));
rulerMarks(depth, (mark: string) => console.log(mark));
