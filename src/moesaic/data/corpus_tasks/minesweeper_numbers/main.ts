import * as fs from "fs";

class Minefield {
    constructor(private readonly rows: string[]) {
    }

    private minesAround(row: number, column: number): number {
        let mines = 0;
        for (const line of this.rows.slice(Math.max(0, row - 1), row + 2)) {
            for (const square of line.slice(Math.max(0, column - 1), column + 2)) {
                mines += square === "*" ? 1 : 0;
            }
        }
        return mines;
    }

    minesweeperNumbers(): string[] {
        return this.rows.map(
            (line, i) => [...line]
                             .map((square, j) => (square === "*" ? "*" : this.minesAround(i, j)))
                             .join(""),
        );
    }
}

const [, ...rows] = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(new Minefield(rows).minesweeperNumbers().join("\n"));
