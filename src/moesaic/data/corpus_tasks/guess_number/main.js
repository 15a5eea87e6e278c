function guessNumber(limit, secret) {
    const guesses = [];
    let low = 1;
    let high = limit;
    while (guesses[guesses.length - 1] !== secret) {
        const guess = Math.floor((low + high) / 2);
        guesses.push(guess);
        if (guess < secret) {
            low = guess + 1;
        } else {
            high = guess - 1;
        }
    }
    return guesses;
}

const [limit, secret] = require("fs").readFileSync(0, "utf8").split(" ").map(Number);
console.log(guessNumber(limit, secret).join(" "));
