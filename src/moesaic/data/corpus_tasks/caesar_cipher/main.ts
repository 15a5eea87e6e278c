import * as fs from "fs";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz";

function caesarCipher(text: string, key: number): string {
    return text.replace(/[a-z]/g, (letter: string) => {
        return ALPHABET[(ALPHABET.indexOf(letter) + key) % 26];
    });
}

const [key, text] = fs.readFileSync(0, "utf8").split("\n");
console.log(caesarCipher(text, Number(key)));
