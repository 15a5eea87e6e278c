function sortByLength(words) {
    return words.sort().sort((a, b) => a.length - b.length);
}

const text = require("fs").readFileSync(0, "utf8").trim();
const words = text.split(" ");
console.log(sortByLength(words).join("\n"));
