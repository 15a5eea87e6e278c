function robotPosition(moves) {
    let [x, y] = [0, 0];
    for (const move of moves) {
        if (move === "U") {
            y++;
        } else if (move === "D") {
            y--;
        } else if (move === "R") {
            x++;
        } else {
            x--;
        }
    }
    return [x, y];
}

const moves = require("fs").readFileSync(0, "utf8").trim();
const [x, y] = robotPosition(moves);
console.log(x, y);
