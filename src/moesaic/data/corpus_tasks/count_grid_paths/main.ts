import * as fs from "fs";

function countGridPaths(grid: string[]): number {
    let above: number[] = [1];
    for (const row of grid) {
        const paths: number[] = [];
        [...row].forEach((cell, column) => {
            const fromAbove = above[column] ?? 0;
            const fromLeft = paths[column - 1] ?? 0;
            paths.push(cell === "#" ? 0 : fromAbove + fromLeft);
        });
        above = paths;
    }
    return above[above.length - 1];
}

const grid = fs.readFileSync(0, "utf8").trim().split("\n");
console.log(countGridPaths(grid));
