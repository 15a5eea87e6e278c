function wordChain(words) {
    return words.every((word, i) => i === 0 || words[i - 1].endsWith(word[0]));
}

const words = require("fs").readFileSync(0, "utf8").trim().split(" ");
console.log(wordChain(words) ? "yes" : "no");
