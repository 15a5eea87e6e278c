import * as fs from "fs";

function runLengthEncoding(word: string): string {
    let encoded = "";
    let start = 0;
    for (let end = 1; end <= word.length; end++) {
        if (word[end] !== word[start]) {
            encoded += `${word[start]}${end - start}`;
            start = end;
        }
    }
    return encoded;
}

const word = fs.readFileSync(0, "utf8").trim();
console.log(runLengthEncoding(word));
