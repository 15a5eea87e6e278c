function shortestMazePath(maze) {
    const startRow = maze.findIndex((row) => row.includes("S"));
    const queue = [[startRow, maze[startRow].indexOf("S"), 0]];
    const visited = new Set([`${queue[0][0]},${queue[0][1]}`]);
    for (const [row, column, steps] of queue) {
        if (maze[row][column] === "E") {
            return steps;
        }
        for (const [down, right] of [[-1, 0], [1, 0], [0, -1], [0, 1]]) {
            const cell = maze[row + down]?.[column + right] ?? "#";
            const key = `${row + down},${column + right}`;
            if (cell !== "#" && !visited.has(key)) {
                visited.add(key);
                queue.push([row + down, column + right, steps + 1]);
            }
        }
    }
    return -1;
}

const maze = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(shortestMazePath(maze));
