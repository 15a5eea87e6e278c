import * as fs from "fs";

function groupAnagrams(words: string[]): string[][] {
    const groups: {[key: string]: string[]} = {};
    for (const word of words) {
        const key = word.split("").sort().join("");
        (groups[key] ??= []).push(word);
    }
    return Object.values(groups);
}

const words = fs.readFileSync(0, "utf8").trim().split(" ");
console.log(groupAnagrams(words).map((group) => group.join(" ")).join("\n"));
