function mostCommonWord(text) {
    const counts = {};
    for (const word of text.toLowerCase().split(" ")) {
        counts[word] = (counts[word] ?? 0) + 1;
    }
    const words = Object.keys(counts).sort();
    const best = words.reduce((best, word) => (counts[word] > counts[best] ? word : best));
    return [best, counts[best]];
}

const text = require("fs").readFileSync(0, "utf8").trim();
console.log(mostCommonWord(text).join(" "));
