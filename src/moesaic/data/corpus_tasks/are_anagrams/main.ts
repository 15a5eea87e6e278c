import * as fs from "fs";

function areAnagrams(first: string, second: string): boolean {
    const sorted = (word: string): string => [...word].sort().join("");
    return sorted(first) === sorted(second);
}

const [first, second] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(areAnagrams(first, second) ? "yes" : "no");
