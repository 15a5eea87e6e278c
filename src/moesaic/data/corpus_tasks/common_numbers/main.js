function commonNumbers(first, second) {
    const firstSet = new Set(first);
    const secondSet = new Set(second);
    return [...firstSet].filter((number) => secondSet.has(number)).length;
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
const first = lines[0].split(" ").map(Number);
const second = lines[1].split(" ").map(Number);
console.log(commonNumbers(first, second));
