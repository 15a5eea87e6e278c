function toMinutes(clock) {
    const [hours, minutes] = clock.split(":").map(Number);
    return 60 * hours + minutes;
}

function freeTime(meetings) {
    let free = 0;
    let busyUntil = toMinutes("09:00");
    for (const [start, end] of meetings.sort((a, b) => a[0] - b[0])) {
        free += Math.max(0, start - busyUntil);
        busyUntil = Math.max(busyUntil, end);
    }
    return free + toMinutes("17:00") - busyUntil;
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const meetings = lines.map((line) => line.split("-").map(toMinutes));
console.log(freeTime(meetings));
