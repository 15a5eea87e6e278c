import * as fs from "fs";

type Place = {
    row: number; column: number
};

function shortestMazePath(maze: string[][]): number {
    const row = maze.findIndex((cells) => cells.includes("S"));
    let places: Place[] = [{row, column: maze[row].indexOf("S")}];
    for (let steps = 0; places.length > 0; steps++) {
        const next: Place[] = [];
        for (const {row, column} of places) {
            const cell = maze[row]?.[column] ?? "#";
            if (cell === "E") {
                return steps;
            }
            if (cell === "#") {
                continue;
            }
            maze[row][column] = "#";
            next.push({row: row - 1, column}, {row: row + 1, column});
            next.push({row, column: column - 1}, {row, column: column + 1});
        }
        places = next;
    }
    return -1;
}

const maze = fs.readFileSync(0, "utf8").trim().split("\n").map((line) => line.split(""));
console.log(shortestMazePath(maze));
