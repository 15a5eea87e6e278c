import * as fs from "fs";

const symbols: [number, string][] = [
    [1000, "M"],
    [900, "CM"],
    [500, "D"],
    [400, "CD"],
    [100, "C"],
    [90, "XC"],
    [50, "L"],
    [40, "XL"],
    [10, "X"],
    [9, "IX"],
    [5, "V"],
    [4, "IV"],
    [1, "I"],
];

function romanNumeral(number: number): string {
    let numeral = "";
    for (const [value, symbol] of symbols) {
        numeral += symbol.repeat(Math.floor(number / value));
        number %= value;
    }
    return numeral;
}

const number = Number(fs.readFileSync(0, "utf8"));
console.log(romanNumeral(number));
