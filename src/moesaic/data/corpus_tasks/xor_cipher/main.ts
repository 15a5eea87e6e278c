import * as fs from "fs";

function xorCipher(text: string, key: string): string {
    let encrypted = "";
    for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i) ^ key.charCodeAt(i % key.length);
        encrypted += code.toString(16).padStart(2, "0");
    }
    return encrypted;
}

const [key, text] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(xorCipher(text, key));
