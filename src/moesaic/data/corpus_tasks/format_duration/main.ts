import * as fs from "fs";

const UNITS: [string, number][] = [
    ["d", 24 * 60 * 60],
    ["h", 60 * 60],
    ["m", 60],
    ["s", 1],
];

function formatDuration(seconds: number): string {
    if (seconds === 0) {
        return "0s";
    }
    const parts: string[] = [];
    for (const [unit, length] of UNITS) {
        if (seconds >= length) {
            parts.push(`${Math.floor(seconds / length)}${unit}`);
            seconds %= length;
        }
    }
    return parts.join(" ");
}

const seconds = Number(fs.readFileSync(0, "utf8"));
console.log(formatDuration(seconds));
