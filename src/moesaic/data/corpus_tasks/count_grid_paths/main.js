function countGridPaths(grid) {
    const paths = new Array(grid[0].length).fill(0);
    paths[0] = 1;
    for (const row of grid) {
        for (let column = 0; column < row.length; column++) {
            if (row[column] === "#") {
                paths[column] = 0;
            } else if (column > 0) {
                paths[column] += paths[column - 1];
            }
        }
    }
    return paths[paths.length - 1];
}

const grid = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(countGridPaths(grid));
