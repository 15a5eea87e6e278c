const COINS = [50, 20, 10, 5, 2, 1];

function giveChange(amount) {
    const counts = COINS.map((coin) => {
        const count = Math.floor(amount / coin);
        amount -= count * coin;
        return [coin, count];
    });
    return counts.filter(([, count]) => count > 0);
}

const [price, paid] = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
const change = giveChange(paid - price);
if (change.length === 0) {
    console.log("exact");
}
for (const [coin, count] of change) {
    console.log(coin, count);
}
