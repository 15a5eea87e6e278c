function isPalindrome(text) {
    text = text.toLowerCase();
    return text === text.split("").reverse().join("");
}

const text = require("fs").readFileSync(0, "utf8").trim();
console.log(isPalindrome(text) ? "yes" : "no");
