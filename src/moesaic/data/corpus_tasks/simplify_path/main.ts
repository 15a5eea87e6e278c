import * as fs from "fs";

function simplifyPath(path: string): string {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    const kept = names.reduce<string[]>(
        (stack, name) => (name === ".." ? stack.slice(0, -1) : [...stack, name]),
        [],
    );
    return "/" + kept.join("/");
}

const path = fs.readFileSync(0, "utf8").trim();
console.log(simplifyPath(path));
