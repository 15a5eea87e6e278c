import * as fs from "fs";

function isLeapYear(year: number): boolean {
    return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

const year = Number(fs.readFileSync(0, "utf8"));
console.log(isLeapYear(year) ? "yes" : "no");
