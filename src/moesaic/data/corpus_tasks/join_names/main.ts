import * as fs from "fs";

function joinNames(names: string[]): string {
    if (names.length < 2) {
        return names.join("");
    }
    const others = names.slice(0, -1);
    return `${others.join(", ")} and ${names[names.length - 1]}`;
}

const names = fs.readFileSync(0, "utf8").trim().split(" ");
console.log(joinNames(names));
