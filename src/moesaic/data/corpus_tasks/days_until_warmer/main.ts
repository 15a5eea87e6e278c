import * as fs from "fs";

interface Day {
    index: number;
    temperature: number;
}

function daysUntilWarmer(temperatures: number[]): number[] {
    const waits: number[] = new Array(temperatures.length).fill(0);
    const waiting: Day[] = [];
    for (const [index, temperature] of temperatures.entries()) {
        let last = waiting.at(-1);
        while (last && last.temperature < temperature) {
            waits[last.index] = index - last.index;
            waiting.pop();
            last = waiting.at(-1);
        }
        waiting.push({index, temperature});
    }
    return waits;
}

const temperatures = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(daysUntilWarmer(temperatures).join(" "));
