import * as fs from "fs";

function chunkAverages(numbers: number[], size: number): number[] {
    if (numbers.length === 0) {
        return [];
    }
    const group = numbers.slice(0, size);
    const sum = group.reduce((total, number) => total + number, 0);
    return [sum / group.length, ...chunkAverages(numbers.slice(size), size)];
}

const lines: string[] = fs.readFileSync(0, "utf8").trim().split("\n");
const numbers = lines[1].split(" ").map(Number);
const averages = chunkAverages(numbers, parseInt(lines[0]));
console.log(averages.map((average) => average.toFixed(2)).join("\n"));
