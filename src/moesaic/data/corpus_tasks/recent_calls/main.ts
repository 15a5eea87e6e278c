import * as fs from "fs";

const WINDOW = 60;

function recentCalls(times: number[]): number[] {
    let oldest = 0;
    return times.map((time, index) => {
        while (times[oldest] <= time - WINDOW) {
            oldest++;
        }
        return index - oldest + 1;
    });
}

const times = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(recentCalls(times).join("\n"));
