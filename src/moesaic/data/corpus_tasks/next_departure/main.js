function nextDeparture(intervals) {
    let wait = Math.max(...intervals);
    while (intervals.some((interval) => wait % interval !== 0)) {
        wait++;
    }
    const minutes = (8 * 60 + wait) % (24 * 60);
    return [Math.floor(minutes / 60), minutes % 60];
}

const input = require("fs").readFileSync(0, "utf8").trim();
const time = nextDeparture(input.split(" ").map(Number));
console.log(time.map((part) => String(part).padStart(2, "0")).join(":"));
