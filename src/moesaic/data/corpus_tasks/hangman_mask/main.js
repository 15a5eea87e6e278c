function hangmanMask(word, guesses) {
    return word.replace(/./g, (letter) => (guesses.includes(letter) ? letter : "_"));
}

const [word, guesses] = require("fs").readFileSync(0, "utf8").trim().split("\n");
const wrong = [...guesses].filter((guess) => !word.includes(guess));
console.log(hangmanMask(word, guesses));
console.log(wrong.length);
