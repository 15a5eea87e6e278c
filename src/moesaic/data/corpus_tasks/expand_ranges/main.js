function expandRanges(entries) {
    return entries.flatMap((entry) => {
        const [first, last = first] = entry.split("-").map(Number);
        return Array.from({length: last - first + 1}, (_, i) => first + i);
    });
}

const entries = require("fs").readFileSync(0, "utf8").trim().split(",");
console.log(expandRanges(entries).join(" "));
