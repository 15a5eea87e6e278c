import * as fs from "fs";

function sortByLength(words: string[]): string[] {
    return words.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

const words = fs.readFileSync(0, "utf8").trim().split(" ");
console.log(sortByLength(words).join("\n"));
