function missingTickets(tickets) {
    const missing = [];
    for (let ticket = Math.min(...tickets); ticket < Math.max(...tickets); ticket++) {
        if (!tickets.includes(ticket)) {
            missing.push(ticket);
        }
    }
    return missing;
}

const tickets = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
const missing = missingTickets(tickets);
console.log(missing.length === 0 ? "complete" : missing.join("\n"));
