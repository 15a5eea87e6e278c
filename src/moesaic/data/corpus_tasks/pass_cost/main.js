function passCost(days, dayTicket, weekPass) {
    const costs = [0];
    for (const [index, today] of days.entries()) {
        const covered = days.slice(0, index + 1).filter((day) => day > today - 7).length;
        const withTicket = costs[index] + dayTicket;
        const withPass = costs[index + 1 - covered] + weekPass;
        costs.push(Math.min(withTicket, withPass));
    }
    return costs[days.length];
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
const [dayTicket, weekPass] = lines[0].split(" ").map(Number);
const days = lines[1].split(" ").map(Number);
console.log(passCost(days, dayTicket, weekPass));
