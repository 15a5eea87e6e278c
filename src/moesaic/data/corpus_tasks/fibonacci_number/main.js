function fibonacciNumber(n) {
    let [current, following] = [0, 1];
    for (let i = 0; i < n; i++) {
        [current, following] = [following, current + following];
    }
    return current;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const n = Number(input);
console.log(fibonacciNumber(n));
