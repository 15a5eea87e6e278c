import * as fs from "fs";

function missingLetters(text: string): string {
    const lower = text.toLowerCase();
    let missing = "";
    for (let code = 97; code < 123; code++) {
        const letter = String.fromCharCode(code);
        if (!lower.includes(letter)) {
            missing += letter;
        }
    }
    return missing;
}

const missing: string = missingLetters(fs.readFileSync(0, "utf8"));
console.log(missing.length === 0 ? "pangram" : missing);
