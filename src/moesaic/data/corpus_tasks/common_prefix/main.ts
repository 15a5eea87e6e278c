import * as fs from "fs";

function commonPrefix(words: string[]): string {
    return words.reduce((prefix, word) => {
        let length = 0;
        while (length < prefix.length && prefix[length] === word[length]) {
            length++;
        }
        return prefix.slice(0, length);
    });
}

const words = fs.readFileSync(0, "utf8").trim().split(" ");
const prefix: string = commonPrefix(words);
console.log(prefix === "" ? "none" : prefix);
