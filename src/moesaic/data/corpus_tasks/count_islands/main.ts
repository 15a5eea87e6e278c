import * as fs from "fs";

function countIslands(map: string[][]): number {
    const sink = (row: number, column: number): boolean => {
        if (map[row]?.[column] !== "#") {
            return false;
        }
        map[row][column] = ".";
        sink(row - 1, column);
        sink(row + 1, column);
        sink(row, column - 1);
        sink(row, column + 1);
        return true;
    };

    let islands = 0;
    map.forEach((cells, row) => cells.forEach((_, column) => {
        if (sink(row, column)) {
            islands++;
        }
    }));
    return islands;
}

const map = fs.readFileSync(0, "utf8").trim().split("\n").map((line) => [...line]);
console.log(countIslands(map));
