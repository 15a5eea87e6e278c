import * as fs from "fs";

type Road = {
    towns: [string, string]; cost: number
};

function cheapestRoute(roads: Road[], start: string, goal: string): number {
    const open = new Map<string, number>([[start, 0]]);
    const finished = new Set<string>();
    while (open.size > 0) {
        const [town, price] = [...open].sort((a, b) => a[1] - b[1])[0];
        if (town === goal) {
            return price;
        }
        open.delete(town);
        finished.add(town);
        for (const {towns, cost} of roads) {
            const next = towns[0] === town ? towns[1] : towns[0];
            if (towns.includes(town) && !finished.has(next)) {
                open.set(next, Math.min(open.get(next) ?? Infinity, price + cost));
            }
        }
    }
    return -1;
}

const [first, ...rest] = fs.readFileSync(0, "utf8").trim().split("\n");
const roads = rest.map((line): Road => {
    const [from, to, cost] = line.split(" ");
    return {towns: [from, to], cost: Number(cost)};
});
const [start, goal] = first.split(" ");
console.log(cheapestRoute(roads, start, goal));
