import * as fs from "fs";

const toMinutes = (clock: string): number => {
    const [hours, minutes] = clock.split(":").map(Number);
    return hours * 60 + minutes;
};

function freeTime(meetings: number[][]): number {
    let free = 0;
    for (let minute = toMinutes("09:00"); minute < toMinutes("17:00"); minute++) {
        if (!meetings.some(([start, end]) => start <= minute && minute < end)) {
            free++;
        }
    }
    return free;
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(freeTime(lines.map((line) => line.split("-").map(toMinutes))));
