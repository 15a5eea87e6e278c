import * as fs from "fs";

type Board = boolean[][];

function neighbors(board: Board, row: number, column: number): number {
    let count = board[row][column] ? -1 : 0;
    for (let i = row - 1; i <= row + 1; i++) {
        for (let j = column - 1; j <= column + 1; j++) {
            count += board[i]?.[j] ? 1 : 0;
        }
    }
    return count;
}

function gameOfLife(board: Board): Board {
    return board.map(
        (cells, i) => cells.map((alive, j) => {
            const count = neighbors(board, i, j);
            return count === 3 || (alive && count === 2);
        }),
    );
}

const [, ...lines] = fs.readFileSync(0, "utf8").trim().split("\n");
const next = gameOfLife(lines.map((line) => [...line].map((cell) => cell === "#")));
console.log(next.map((cells) => cells.map((alive) => (alive ? "#" : ".")).join("")).join("\n"));
