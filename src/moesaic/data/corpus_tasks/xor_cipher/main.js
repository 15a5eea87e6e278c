function xorCipher(text, key) {
    const bytes = Buffer.from(text).map((code, i) => code ^ key.charCodeAt(i % key.length));
    return bytes.toString("hex");
}

const [key, text] = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(xorCipher(text, key));
