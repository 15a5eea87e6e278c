function formatDuration(seconds) {
    const counts = {
        d: Math.floor(seconds / 86400),
        h: Math.floor(seconds / 3600) % 24,
        m: Math.floor(seconds / 60) % 60,
        s: seconds % 60,
    };
    const parts = Object.entries(counts).filter(([, count]) => count > 0);
    return parts.map(([unit, count]) => count + unit).join(" ") || "0s";
}

const input = require("fs").readFileSync(0, "utf8").trim();
console.log(formatDuration(Number(input)));
