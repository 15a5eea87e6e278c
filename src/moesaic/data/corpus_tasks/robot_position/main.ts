import * as fs from "fs";

function robotPosition(moves: string): [number, number] {
    let x = 0;
    let y = 0;
    for (const move of moves) {
        switch (move) {
            case "U":
                y++;
                break;
            case "D":
                y--;
                break;
            case "R":
                x++;
                break;
            default:
                x--;
        }
    }
    return [x, y];
}

const moves = fs.readFileSync(0, "utf8").trim();
const [x, y] = robotPosition(moves);
console.log(`${x} ${y}`);
