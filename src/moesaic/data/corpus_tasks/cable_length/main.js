function cableLength(cables) {
    const networks = new Map();
    const networkOf = (house) => networks.get(house) ?? new Set([house]);
    let total = 0;
    cables.sort((a, b) => a[2] - b[2]);
    for (const [first, second, length] of cables) {
        if (!networkOf(first).has(second)) {
            const joined = new Set([...networkOf(first), ...networkOf(second)]);
            joined.forEach((house) => networks.set(house, joined));
            total += length;
        }
    }
    return total;
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const cables = lines.slice(1).map((line) => line.split(" ").map(Number));
console.log(cableLength(cables));
