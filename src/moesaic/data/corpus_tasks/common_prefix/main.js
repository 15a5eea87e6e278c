function commonPrefix(words) {
    let length = 0;
    while (length < words[0].length && words.every((word) => word[length] === words[0][length])) {
        length++;
    }
    return words[0].slice(0, length);
}

const words = require("fs").readFileSync(0, "utf8").trim().split(" ");
console.log(commonPrefix(words) || "none");
