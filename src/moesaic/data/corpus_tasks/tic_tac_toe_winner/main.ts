import * as fs from "fs";

type Outcome = "X"|"O"|"open"|"draw";

const LINES = ["012", "345", "678", "036", "147", "258", "048", "246"];

function ticTacToeWinner(board: string): Outcome {
    for (const line of LINES) {
        const marks = [...line].map((square) => board[Number(square)]).join("");
        if (marks === "XXX") {
            return "X";
        }
        if (marks === "OOO") {
            return "O";
        }
    }
    return board.includes(".") ? "open" : "draw";
}

const board = fs.readFileSync(0, "utf8").split("\n").join("");
console.log(ticTacToeWinner(board));
