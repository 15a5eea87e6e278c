import * as fs from "fs";

function multiplicationTable(number: number): string[] {
    const lines: string[] = [];
    for (let factor = 1; factor <= 10; factor++) {
        lines.push(`${number} x ${factor} = ${number * factor}`);
    }
    return lines;
}

const number = Number(fs.readFileSync(0, "utf8"));
console.log(multiplicationTable(number).join("\n"));
