function isPrime(number) {
    for (let divisor = 2; divisor * divisor <= number; divisor++) {
        if (number % divisor === 0) {
            return false;
        }
    }
    return true;
}

function goldbachPair(number) {
    let first = 2;
    while (!isPrime(first) || !isPrime(number - first)) {
        first++;
    }
    return [first, number - first];
}

const input = require("fs").readFileSync(0, "utf8").trim();
const pair = goldbachPair(Number(input));
console.log(pair.join(" "));
