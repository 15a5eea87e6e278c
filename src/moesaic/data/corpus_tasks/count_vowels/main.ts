import * as fs from "fs";

function countVowels(text: string): number {
    return [...text.toLowerCase()].filter((letter) => "aeiou".includes(letter)).length;
}

const text: string = fs.readFileSync(0, "utf8");
console.log(countVowels(text));
