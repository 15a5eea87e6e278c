import * as fs from "fs";

function isPalindrome(text: string): boolean {
    const letters = [...text.toLowerCase()];
    return letters.join("") === letters.reverse().join("");
}

const text = fs.readFileSync(0, "utf8").replace("\n", "");
console.log(isPalindrome(text) ? "yes" : "no");
