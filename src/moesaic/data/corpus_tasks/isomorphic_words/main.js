function pattern(word) {
    return [...word].map((letter) => word.indexOf(letter)).join(" ");
}

function isomorphicWords(first, second) {
    return pattern(first) === pattern(second);
}

const [first, second] = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(isomorphicWords(first, second) ? "yes" : "no");
