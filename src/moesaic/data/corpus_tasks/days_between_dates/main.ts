import * as fs from "fs";

const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function dayNumber(date: string): number {
    const [year, month, day] = date.split("-").map(Number);
    const years = month > 2 ? year : year - 1;
    const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
    const months = LENGTHS.slice(0, month - 1).reduce((sum, length) => sum + length, 0);
    return 365 * year + leapDays + months + day;
}

function daysBetweenDates(first: string, second: string): number {
    return Math.abs(dayNumber(first) - dayNumber(second));
}

const [first, second] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(daysBetweenDates(first, second));
