import * as fs from "fs";

function dailyChanges(values: number[]): string[] {
    const changes: string[] = [];
    for (let day = 1; day < values.length; day++) {
        const change = values[day] - values[day - 1];
        changes.push((change > 0 ? "+" : "") + change);
    }
    return changes;
}

const values = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(dailyChanges(values).join("\n"));
