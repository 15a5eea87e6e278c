import * as fs from "fs";

function wordChain([first, second, ...others]: string[]): boolean {
    if (second === undefined) {
        return true;
    }
    return first.endsWith(second[0]) && wordChain([second, ...others]);
}

const words = fs.readFileSync(0, "utf8").trim().split(" ");
console.log(wordChain(words) ? "yes" : "no");
