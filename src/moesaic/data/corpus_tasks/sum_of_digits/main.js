function sumOfDigits(number) {
    let total = 0;
    while (number > 0) {
        total += number % 10;
        number = Math.floor(number / 10);
    }
    return total;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const number = Number(input);
console.log(sumOfDigits(number));
