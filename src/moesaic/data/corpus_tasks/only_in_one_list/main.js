function onlyInOneList(first, second) {
    const missing = (names, others) => names.filter((name) => !others.includes(name));
    return [...new Set([...missing(first, second), ...missing(second, first)])].sort();
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const names = onlyInOneList(...lines.map((line) => line.split(" ")));
console.log(names.length > 0 ? names.join("\n") : "equal");
