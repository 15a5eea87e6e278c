function greatestCommonDivisor(first, second) {
    while (second !== 0) {
        [first, second] = [second, first % second];
    }
    return first;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const [first, second] = input.split(" ").map(Number);
console.log(greatestCommonDivisor(first, second));
