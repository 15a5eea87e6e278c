import * as fs from "fs";

type Prices = Record<string, number|undefined>;

function shoppingBill(prices: Prices, items: string[]): {total: number; unsold: number} {
    let total = 0;
    let unsold = 0;
    for (const item of items) {
        const price = prices[item];
        if (price === undefined) {
            unsold += 1;
        } else {
            total += price;
        }
    }
    return {total, unsold};
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n");
const items = lines.pop()!.split(" ");
const prices: Prices = {};
for (const line of lines.slice(1)) {
    const [item, price] = line.split(" ");
    prices[item] = Number(price);
}
const {total, unsold} = shoppingBill(prices, items);
console.log(`${total} ${unsold}`);
