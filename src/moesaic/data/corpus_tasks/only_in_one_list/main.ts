import * as fs from "fs";

function onlyInOneList(first: Set<string>, second: Set<string>): string[] {
    const names = new Set([...first, ...second]);
    return [...names].filter((name) => first.has(name) !== second.has(name)).sort();
}

const [first, second] =
    fs.readFileSync(0, "utf8").trim().split("\n").map((line) => new Set(line.split(" ")));
const names = onlyInOneList(first, second);
console.log(names.join("\n") || "equal");
