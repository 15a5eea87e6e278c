import * as fs from "fs";

const MILLISECONDS_PER_DAY = 24 * 60 * 60 * 1000;

function dayOfYear(date: Date): number {
    const lastDayBefore = Date.UTC(date.getUTCFullYear(), 0, 0);
    return (date.getTime() - lastDayBefore) / MILLISECONDS_PER_DAY;
}

const date = new Date(fs.readFileSync(0, "utf8").trim());
console.log(dayOfYear(date));
