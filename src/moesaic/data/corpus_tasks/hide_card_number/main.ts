import * as fs from "fs";

function hideCardNumber(number: string): string {
    let hidden = "";
    let digits = 0;
    for (let i = number.length - 1; i >= 0; i--) {
        const isDigit = number[i] >= "0" && number[i] <= "9";
        digits += isDigit ? 1 : 0;
        hidden = (isDigit && digits > 4 ? "*" : number[i]) + hidden;
    }
    return hidden;
}

const number: string = fs.readFileSync(0, "utf8").trim();
console.log(hideCardNumber(number));
