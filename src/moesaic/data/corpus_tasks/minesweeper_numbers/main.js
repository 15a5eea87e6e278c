function minesweeperNumbers(field) {
    const steps = [-1, 0, 1];
    const isMine = (i, j) => field[i] !== undefined && field[i][j] === "*";
    return field.map(
        (line, i) => line.replace(
            /\./g,
            (_, j) => {
                const around = steps.flatMap((di) => steps.map((dj) => isMine(i + di, j + dj)));
                return around.filter(Boolean).length;
            }),
    );
}

const [, ...field] = require("fs").readFileSync(0, "utf8").trim().split("\n");
console.log(minesweeperNumbers(field).join("\n"));
