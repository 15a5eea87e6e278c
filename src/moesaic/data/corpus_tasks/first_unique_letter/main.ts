import * as fs from "fs";

function firstUniqueLetter(word: string): string {
    const counts: Record<string, number> = {};
    for (const letter of word) {
        counts[letter] = (counts[letter] ?? 0) + 1;
    }
    for (let i = 0; i < word.length; i++) {
        if (counts[word[i]] === 1) {
            return `${word[i]} ${i + 1}`;
        }
    }
    return "none";
}

const word: string = fs.readFileSync(0, "utf8").trim();
console.log(firstUniqueLetter(word));
