function risingDays(prices) {
    let longest = 1;
    let start = 0;
    for (let day = 1; day < prices.length; day++) {
        if (prices[day] <= prices[day - 1]) {
            start = day;
        }
        longest = Math.max(longest, day - start + 1);
    }
    return longest;
}

const prices = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(risingDays(prices));
