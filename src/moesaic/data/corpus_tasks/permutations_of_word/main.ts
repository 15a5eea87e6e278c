import * as fs from "fs";

function* permutationsOfWord(word: string): Generator<string> {
    if (word === "") {
        yield "";
    }
    for (let i = 0; i < word.length; i++) {
        for (const order of permutationsOfWord(word.slice(0, i) + word.slice(i + 1))) {
            yield word[i] + order;
        }
    }
}

const word = fs.readFileSync(0, "utf8").trim();
const orders: Set<string> = new Set(permutationsOfWord(word));
console.log([...orders].sort().join("\n"));
