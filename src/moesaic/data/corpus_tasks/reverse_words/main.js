function reverseWords(text) {
    return text.split(" ").reverse().join(" ");
}

const text = require("fs").readFileSync(0, "utf8").trim();
console.log(reverseWords(text));
