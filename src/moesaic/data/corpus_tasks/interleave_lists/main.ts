import * as fs from "fs";

function interleaveLists<T>(first: T[], second: T[]): T[] {
    const result: T[] = [];
    const length = Math.max(first.length, second.length);
    for (let i = 0; i < length; i++) {
        result.push(...first.slice(i, i + 1), ...second.slice(i, i + 1));
    }
    return result;
}

const [first, second] =
    fs.readFileSync(0, "utf8").trim().split("\n").map((line) => line.split(" "));
console.log(interleaveLists(first, second).join(" "));
