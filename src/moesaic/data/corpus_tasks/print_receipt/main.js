function formatLine(name, cents) {
    return name.padEnd(10) + (cents / 100).toFixed(2).padStart(8);
}

function printReceipt(items) {
    let total = 0;
    for (const {name, count, price} of items) {
        total += count * price;
        console.log(formatLine(name, count * price));
    }
    console.log(formatLine("total", total));
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
const items = lines.map((line) => {
    const [name, count, price] = line.split(" ");
    return {name, count: Number(count), price: Number(price)};
});
printReceipt(items);
