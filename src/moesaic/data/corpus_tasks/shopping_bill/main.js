function shoppingBill(prices, items) {
    const sold = items.filter((item) => prices.has(item));
    const total = sold.reduce((sum, item) => sum + prices.get(item), 0);
    return [total, items.length - sold.length];
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const prices = new Map();
for (const line of lines.slice(1, -1)) {
    const [item, price] = line.split(" ");
    prices.set(item, Number(price));
}
console.log(...shoppingBill(prices, lines[lines.length - 1].split(" ")));
