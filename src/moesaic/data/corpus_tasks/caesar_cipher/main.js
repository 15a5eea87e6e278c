function caesarCipher(text, key) {
    const alphabet = "abcdefghijklmnopqrstuvwxyz";
    let result = "";
    for (const letter of text) {
        const index = alphabet.indexOf(letter);
        result += index < 0 ? letter : alphabet[(index + key) % 26];
    }
    return result;
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
const key = Number(lines[0]);
const text = lines[1];
console.log(caesarCipher(text, key));
