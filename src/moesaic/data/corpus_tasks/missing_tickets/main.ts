import * as fs from "fs";

function* missingTickets(tickets: number[]): Generator<number> {
    const sold = new Set(tickets);
    const last = Math.max(...tickets);
    for (let ticket = Math.min(...tickets); ticket < last; ticket++) {
        if (!sold.has(ticket)) {
            yield ticket;
        }
    }
}

const tickets = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
const missing = [...missingTickets(tickets)];
console.log(missing.join("\n") || "complete");
