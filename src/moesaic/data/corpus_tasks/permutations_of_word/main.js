function permutationsOfWord(word) {
    if (word.length <= 1) {
        return [word];
    }
    const letters = [...new Set(word)].sort();
    return letters.flatMap(
        (letter) => permutationsOfWord(word.replace(letter, "")).map((order) => letter + order),
    );
}

const word = require("fs").readFileSync(0, "utf8").trim();
permutationsOfWord(word).forEach((order) => console.log(order));
