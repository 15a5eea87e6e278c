function differingPositions(first, second) {
    const positions = [];
    for (let i = 0; i < Math.max(first.length, second.length); i++) {
        if (first[i] !== second[i]) {
            positions.push(i + 1);
        }
    }
    return positions;
}

const [first, second] = require("fs").readFileSync(0, "utf8").trim().split("\n");
const positions = differingPositions(first, second);
console.log(positions.length > 0 ? positions.join(" ") : "same");
