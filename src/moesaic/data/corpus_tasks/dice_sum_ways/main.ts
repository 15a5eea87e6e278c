import * as fs from "fs";

const memory = new Map<string, number>();

function diceSumWays(dice: number, total: number): number {
    if (dice === 0 || total < dice) {
        return dice === 0 && total === 0 ? 1 : 0;
    }
    const key = `${dice} ${total}`;
    let ways = memory.get(key);
    if (ways === undefined) {
        ways = 0;
        for (let face = 1; face <= 6; face++) {
            ways += diceSumWays(dice - 1, total - face);
        }
        memory.set(key, ways);
    }
    return ways;
}

const [dice, total] = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(diceSumWays(dice, total));
