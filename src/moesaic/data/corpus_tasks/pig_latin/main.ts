import * as fs from "fs";

function pigLatin(word: string): string {
    if (/^[aeiou]/.test(word)) {
        return `${word}way`;
    }
    return word.replace(/^([^aeiou]+)(.*)$/, "$2$1ay");
}

const text: string = fs.readFileSync(0, "utf8").trim();
console.log(text.split(" ").map(pigLatin).join(" "));
