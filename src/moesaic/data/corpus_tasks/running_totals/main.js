function runningTotals(numbers) {
    let total = 0;
    const totals = [];
    for (const number of numbers) {
        total += number;
        totals.push(total);
    }
    return totals;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const numbers = input.split(" ").map(Number);
console.log(runningTotals(numbers).join("\n"));
