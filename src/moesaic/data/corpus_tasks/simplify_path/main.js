function simplifyPath(path) {
    const stack = [];
    for (const name of path.split("/")) {
        if (name === "..") {
            stack.pop();
        } else if (name && name !== ".") {
            stack.push(name);
        }
    }
    return `/${stack.join("/")}`;
}

const path = require("fs").readFileSync(0, "utf8").trim();
console.log(simplifyPath(path));
