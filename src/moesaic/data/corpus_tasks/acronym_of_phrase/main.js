function acronymOfPhrase(phrase) {
    return phrase.toUpperCase()
        .split(" ")
        .filter((word) => !["AND", "OF", "THE"].includes(word))
        .map((word) => word[0])
        .join("");
}

const phrase = require("fs").readFileSync(0, "utf8").trim();
console.log(acronymOfPhrase(phrase));
