function letterCounts(word) {
    const counts = {};
    for (const letter of word) {
        counts[letter] = (counts[letter] || 0) + 1;
    }
    return counts;
}

const word = require("fs").readFileSync(0, "utf8").trim();
const counts = letterCounts(word);
for (const letter of Object.keys(counts).sort()) {
    console.log(letter, counts[letter]);
}
