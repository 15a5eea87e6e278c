function isPrime(number) {
    if (number < 2) {
        return false;
    }
    for (let divisor = 2; divisor * divisor <= number; divisor++) {
        if (number % divisor === 0) {
            return false;
        }
    }
    return true;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const number = Number(input);
console.log(isPrime(number) ? "yes" : "no");
