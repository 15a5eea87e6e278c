import * as fs from "fs";

function capitalizeWords(text: string): string {
    return text.split(" ").map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
}

const text: string = fs.readFileSync(0, "utf8").trim();
console.log(capitalizeWords(text));
