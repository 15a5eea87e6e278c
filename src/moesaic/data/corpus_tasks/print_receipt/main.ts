import * as fs from "fs";

interface Entry {
    name: string;
    cents: number;
}

function readEntry(line: string): Entry {
    const [name, count, price] = line.split(" ");
    return {name, cents: Number(count) * Number(price)};
}

function printReceipt(entries: Entry[]): void {
    const cents = entries.reduce((sum, entry) => sum + entry.cents, 0);
    for (const entry of [...entries, {name: "total", cents}]) {
        const amount = (entry.cents / 100).toFixed(2);
        console.log(entry.name.padEnd(10) + amount.padStart(8));
    }
}

const lines = fs.readFileSync(0, "utf8").trim().split("\n");
printReceipt(lines.map(readEntry));
