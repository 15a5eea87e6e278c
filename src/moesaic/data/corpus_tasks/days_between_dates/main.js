function daysBetweenDates(first, second) {
    const milliseconds = Math.abs(new Date(second) - new Date(first));
    return milliseconds / (24 * 60 * 60 * 1000);
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(daysBetweenDates(lines[0], lines[1]));
