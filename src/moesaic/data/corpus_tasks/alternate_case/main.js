function alternateCase(text) {
    let upper = false;
    return text.replace(/[a-z]/gi, (letter) => {
        upper = !upper;
        return upper ? letter.toUpperCase() : letter.toLowerCase();
    });
}

const text = require("fs").readFileSync(0, "utf8").trimEnd();
console.log(alternateCase(text));
