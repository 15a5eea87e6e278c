function longestWord(text) {
    let longest = "";
    for (const word of text.split(" ")) {
        if (word.length > longest.length) {
            longest = word;
        }
    }
    return longest;
}

const text = require("fs").readFileSync(0, "utf8").trim();
console.log(longestWord(text));
