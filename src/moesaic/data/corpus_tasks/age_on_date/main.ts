import * as fs from "fs";

function toNumber(date: string): number {
    const [day, month, year] = date.split(".");
    return Number(year + month + day);
}

function ageOnDate(birth: string, date: string): number {
    return Math.floor((toNumber(date) - toNumber(birth)) / 10000);
}

const [birth, date] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(ageOnDate(birth, date));
