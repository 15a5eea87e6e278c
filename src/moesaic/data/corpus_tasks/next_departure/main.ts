import * as fs from "fs";

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
const twoDigits = (value: number): string => value.toString().padStart(2, "0");

function nextDeparture(intervals: number[]): string {
    const multiple = intervals.reduce((a, b) => (a * b) / gcd(a, b));
    const minutes = 8 * 60 + multiple;
    return `${twoDigits(Math.floor(minutes / 60) % 24)}:${twoDigits(minutes % 60)}`;
}

const intervals = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(nextDeparture(intervals));
