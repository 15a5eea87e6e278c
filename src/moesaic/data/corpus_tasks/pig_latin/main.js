function pigLatin(word) {
    const start = word.search(/[aeiou]/);
    if (start === 0) {
        return word + "way";
    }
    return start < 0 ? word + "ay" : word.slice(start) + word.slice(0, start) + "ay";
}

const words = require("fs").readFileSync(0, "utf8").trim().split(" ");
console.log(words.map(pigLatin).join(" "));
