function capitalizeWords(text) {
    const words = text.split(" ");
    return words.map((word) => word[0].toUpperCase() + word.slice(1)).join(" ");
}

const text = require("fs").readFileSync(0, "utf8").trim();
console.log(capitalizeWords(text));
