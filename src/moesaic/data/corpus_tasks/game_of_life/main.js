function countNeighbors(board, row, column) {
    let count = 0;
    for (let i = Math.max(row - 1, 0); i <= Math.min(row + 1, board.length - 1); i++) {
        for (let j = column - 1; j <= column + 1; j++) {
            if ((i !== row || j !== column) && board[i][j] === "#") {
                count++;
            }
        }
    }
    return count;
}

function gameOfLife(board) {
    return board.map(
        (line, i) => [...line].map((cell, j) => {
            const neighbors = countNeighbors(board, i, j);
            return neighbors === 3 || (neighbors === 2 && cell === "#") ? "#" : ".";
        }),
    );
}

const board = require("fs").readFileSync(0, "utf8").trim().split("\n").slice(1);
for (const row of gameOfLife(board)) {
    console.log(row.join(""));
}
