import * as fs from "fs";

class Table {
    private readonly widths: number[] = [];

    constructor(private readonly rows: string[][]) {
        for (const row of rows) {
            row.forEach((cell, column) => {
                this.widths[column] = Math.max(this.widths[column] ?? 0, cell.length);
            });
        }
    }

    toString(): string {
        return this.rows.map((row) => this.format(row)).join("\n");
    }

    private format(row: string[]): string {
        return row.map((cell, column) => `| ${cell.padEnd(this.widths[column])} `).join("") + "|";
    }
}

function alignColumns(text: string): Table {
    return new Table(text.split("\n").map((line) => line.split(",")));
}

const text = fs.readFileSync(0, "utf8").trimEnd();
console.log(alignColumns(text).toString());
