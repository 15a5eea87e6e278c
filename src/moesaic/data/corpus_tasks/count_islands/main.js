function visit(map, row, column) {
    if (map[row]?.[column] !== "#") {
        return;
    }
    map[row][column] = ".";
    visit(map, row - 1, column);
    visit(map, row + 1, column);
    visit(map, row, column - 1);
    visit(map, row, column + 1);
}

function countIslands(map) {
    let islands = 0;
    for (let row = 0; row < map.length; row++) {
        for (let column = 0; column < map[row].length; column++) {
            if (map[row][column] === "#") {
                islands++;
                visit(map, row, column);
            }
        }
    }
    return islands;
}

const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(countIslands(lines.map((line) => line.split(""))));
