function cheapestRoute(roads, start, goal) {
    const prices = new Map([[start, 0]]);
    const finished = new Set();
    while (!finished.has(goal)) {
        const open = [...prices.keys()].filter((town) => !finished.has(town));
        if (open.length === 0) {
            return -1;
        }
        const town = open.reduce((a, b) => (prices.get(b) < prices.get(a) ? b : a));
        finished.add(town);
        for (const [from, to, cost] of roads) {
            const price = prices.get(town) + cost;
            if (from === town && !(prices.get(to) <= price)) {
                prices.set(to, price);
            }
        }
    }
    return prices.get(goal);
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const [start, goal] = lines[0].split(" ");
const roads = lines.slice(1).flatMap((line) => {
    const [first, second, cost] = line.split(" ");
    return [[first, second, Number(cost)], [second, first, Number(cost)]];
});
console.log(cheapestRoute(roads, start, goal));
