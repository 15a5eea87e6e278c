function alignColumns(rows) {
    const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
    return rows.map((row) => {
        const cells = row.map((cell, i) => cell.padEnd(widths[i]));
        return `| ${cells.join(" | ")} |`;
    });
}

const lines = require("fs").readFileSync(0, "utf8").trimEnd().split("\n");
const rows = lines.map((line) => line.split(","));
console.log(alignColumns(rows).join("\n"));
