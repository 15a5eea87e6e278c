function canSplitIntoWords(text, words) {
    const reachable = [true];
    for (let end = 1; end <= text.length; end++) {
        const head = text.slice(0, end);
        reachable[end] = words.some((word) => head.endsWith(word) && reachable[end - word.length]);
    }
    return reachable[text.length];
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
const words = lines[0].split(" ");
console.log(canSplitIntoWords(lines[1], words) ? "yes" : "no");
