import * as fs from "fs";

function alternateCase(text: string): string {
    let letters = 0;
    return [...text]
        .map((symbol) => {
            if (!/[a-z]/i.test(symbol)) {
                return symbol;
            }
            return letters++ % 2 === 0 ? symbol.toUpperCase() : symbol.toLowerCase();
        })
        .join("");
}

const text = fs.readFileSync(0, "utf8").trimEnd();
console.log(alternateCase(text));
