function countVowels(text) {
    let count = 0;
    for (const letter of text.toLowerCase()) {
        if ("aeiou".includes(letter)) {
            count++;
        }
    }
    return count;
}

const text = require("fs").readFileSync(0, "utf8").trim();
console.log(countVowels(text));
