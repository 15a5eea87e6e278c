import * as fs from "fs";

function differingPositions(first: string, second: string): number[] {
    const longer = first.length > second.length ? first : second;
    return [...longer].flatMap((_, i) => (first[i] === second[i] ? [] : [i + 1]));
}

const [first, second] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(differingPositions(first, second).join(" ") || "same");
