function ticTacToeWinner(rows) {
    const columns = [0, 1, 2].map((j) => rows.map((row) => row[j]).join(""));
    const diagonals =
        [0, 2].map((start) => rows.map((row, i) => row[Math.abs(start - i)]).join(""));
    const lines = [...rows, ...columns, ...diagonals];
    for (const player of "XO") {
        if (lines.includes(player.repeat(3))) {
            return player;
        }
    }
    return rows.join("").includes(".") ? "open" : "draw";
}

const rows = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(ticTacToeWinner(rows));
