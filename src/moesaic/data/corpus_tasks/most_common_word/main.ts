import * as fs from "fs";

function mostCommonWord(text: string): [string, number] {
    const counts = new Map<string, number>();
    for (const word of text.toLowerCase().split(" ")) {
        counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    const entries = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return entries[0];
}

const [word, count] = mostCommonWord(fs.readFileSync(0, "utf8").trim());
console.log(word, count);
