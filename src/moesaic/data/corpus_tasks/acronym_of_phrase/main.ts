import * as fs from "fs";

const SMALL_WORDS: ReadonlySet<string> = new Set(["and", "of", "the"]);

function acronymOfPhrase(phrase: string): string {
    let acronym = "";
    for (const word of phrase.split(" ")) {
        if (!SMALL_WORDS.has(word.toLowerCase())) {
            acronym += word.charAt(0).toUpperCase();
        }
    }
    return acronym;
}

const phrase = fs.readFileSync(0, "utf8").trim();
console.log(acronymOfPhrase(phrase));
