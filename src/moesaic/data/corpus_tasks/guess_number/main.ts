import * as fs from "fs";

function guessNumber(limit: number, secret: number): number[] {
    const guesses: number[] = [];
    let [low, high] = [1, limit];
    while (low <= high) {
        const guess = Math.floor((low + high) / 2);
        guesses.push(guess);
        low = guess < secret ? guess + 1 : low;
        high = guess < secret ? high : guess - 1;
        if (guess === secret) {
            break;
        }
    }
    return guesses;
}

const [limit, secret] = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(guessNumber(limit, secret).join(" "));
