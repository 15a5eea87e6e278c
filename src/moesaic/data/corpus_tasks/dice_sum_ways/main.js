function diceSumWays(dice, total) {
    let ways = [1];
    for (let die = 1; die <= dice; die++) {
        const next = new Array(6 * die + 1).fill(0);
        ways.forEach((count, points) => {
            for (let face = 1; face <= 6; face++) {
                next[points + face] += count;
            }
        });
        ways = next;
    }
    return ways[total] || 0;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const [dice, total] = input.split(" ").map(Number);
console.log(diceSumWays(dice, total));
