function firstUniqueLetter(word) {
    const index =
        [...word].findIndex((letter) => word.indexOf(letter) === word.lastIndexOf(letter));
    return index < 0 ? "none" : `${word[index]} ${index + 1}`;
}

const word = require("fs").readFileSync(0, "utf8").trim();
console.log(firstUniqueLetter(word));
