function dailyChanges(values) {
    return values.slice(1).map((value, i) => value - values[i]);
}

const values = require("fs").readFileSync(0, "utf8").trim().split(" ").map(Number);
for (const change of dailyChanges(values)) {
    console.log(change > 0 ? `+${change}` : `${change}`);
}
