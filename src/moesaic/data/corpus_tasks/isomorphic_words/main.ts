import * as fs from "fs";

function isomorphicWords(first: string, second: string): boolean {
    if (first.length !== second.length) {
        return false;
    }
    const letters = new Map<string, string>();
    for (let i = 0; i < first.length; i++) {
        const expected = letters.get(first[i]) ?? second[i];
        if (expected !== second[i]) {
            return false;
        }
        letters.set(first[i], second[i]);
    }
    return new Set(letters.values()).size === letters.size;
}

const [first, second] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(isomorphicWords(first, second) ? "yes" : "no");
