import * as fs from "fs";

function weekdayOfDate(year: number, month: number, day: number): string {
    const date = new Date(Date.UTC(year, month - 1, day));
    return date.toLocaleDateString("en-US", {weekday: "long", timeZone: "UTC"});
}

const [year, month, day] = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(weekdayOfDate(year, month, day));
