import * as fs from "fs";

interface Run {
    letter: string;
    length: number;
}

function longestRun(word: string): Run {
    let best: Run = {letter: "", length: 0};
    let current = best;
    for (const letter of word) {
        const length = letter === current.letter ? current.length + 1 : 1;
        current = {letter, length};
        if (length > best.length) {
            best = current;
        }
    }
    return best;
}

const run = longestRun(fs.readFileSync(0, "utf8").trim());
console.log(run.letter, run.length);
