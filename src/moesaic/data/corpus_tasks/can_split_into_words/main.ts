import * as fs from "fs";

function canSplitIntoWords(
    text: string, words: string[], start = 0, dead = new Set<number>()): boolean {
    if (start === text.length) {
        return true;
    }
    if (dead.has(start)) {
        return false;
    }
    for (const word of words) {
        if (text.startsWith(word, start) &&
            canSplitIntoWords(text, words, start + word.length, dead)) {
            return true;
        }
    }
    dead.add(start);
    return false;
}

const [words, text] = fs.readFileSync(0, "utf8").split("\n");
console.log(canSplitIntoWords(text, words.split(" ")) ? "yes" : "no");
