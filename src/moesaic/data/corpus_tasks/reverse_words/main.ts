import * as fs from "fs";

function reverseWords(text: string): string {
    return text.split(" ").reverse().join(" ");
}

const text: string = fs.readFileSync(0, "utf8").trim();
console.log(reverseWords(text));
