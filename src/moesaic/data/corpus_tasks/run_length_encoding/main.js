function runLengthEncoding(word) {
    let encoded = "";
    let count = 0;
    for (let i = 0; i < word.length; i++) {
        count++;
        if (word[i] !== word[i + 1]) {
            encoded += word[i] + count;
            count = 0;
        }
    }
    return encoded;
}

const word = require("fs").readFileSync(0, "utf8").trim();
console.log(runLengthEncoding(word));
