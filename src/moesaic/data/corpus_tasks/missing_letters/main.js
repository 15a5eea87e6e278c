function missingLetters(text) {
    const present = new Set(text.toLowerCase());
    return [..."abcdefghijklmnopqrstuvwxyz"].filter((letter) => !present.has(letter)).join("");
}

const text = require("fs").readFileSync(0, "utf8");
console.log(missingLetters(text) || "pangram");
