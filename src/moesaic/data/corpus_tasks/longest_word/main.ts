import * as fs from "fs";

function longestWord(text: string): string {
    let longest = "";
    for (const word of text.split(" ")) {
        if (word.length > longest.length) {
            longest = word;
        }
    }
    return longest;
}

const text = fs.readFileSync(0, "utf8").trim();
console.log(longestWord(text));
