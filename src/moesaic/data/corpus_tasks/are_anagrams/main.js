function sortLetters(word) {
    return word.split("").sort().join("");
}

function areAnagrams(first, second) {
    return sortLetters(first) === sortLetters(second);
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
const first = lines[0];
const second = lines[1];
console.log(areAnagrams(first, second) ? "yes" : "no");
