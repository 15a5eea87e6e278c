import * as fs from "fs";

function letterCounts(word: string): Map<string, number> {
    const counts = new Map<string, number>();
    for (const letter of word) {
        counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    return counts;
}

const word = fs.readFileSync(0, "utf8").trim();
for (const [letter, count] of [...letterCounts(word)].sort()) {
    console.log(letter, count);
}
