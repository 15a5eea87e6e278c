import * as fs from "fs";

function passCost(days: number[], dayTicket: number, weekPass: number): number {
    const cheapest = new Array<number>(days.length + 1).fill(0);
    for (let i = days.length - 1; i >= 0; i--) {
        const later = days.findIndex((day) => day >= days[i] + 7);
        const afterPass = later === -1 ? days.length : later;
        cheapest[i] = Math.min(cheapest[i + 1] + dayTicket, cheapest[afterPass] + weekPass);
    }
    return cheapest[0];
}

const [prices, days] =
    fs.readFileSync(0, "utf8").split("\n").map((line) => line.split(" ").map(Number));
console.log(passCost(days, prices[0], prices[1]));
