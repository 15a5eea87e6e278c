import * as fs from "fs";

function mergeSortedLists(first: number[], second: number[]): number[] {
    const merged: number[] = [];
    let i = 0;
    let j = 0;
    while (i < first.length && j < second.length) {
        merged.push(first[i] <= second[j] ? first[i++] : second[j++]);
    }
    return merged.concat(first.slice(i), second.slice(j));
}

const [first, second] =
    fs.readFileSync(0, "utf8").split("\n").map((line) => line.split(" ").map(Number));
mergeSortedLists(first, second).forEach((number) => console.log(number));
