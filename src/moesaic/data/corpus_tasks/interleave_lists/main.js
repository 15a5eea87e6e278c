function interleaveLists(first, second) {
    const result = [];
    while (first.length > 0 && second.length > 0) {
        result.push(first.shift(), second.shift());
    }
    return [...result, ...first, ...second];
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const [first, second] = lines.map((line) => line.split(" "));
console.log(interleaveLists(first, second).join(" "));
