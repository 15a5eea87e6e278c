function factorial(number) {
    if (number === 0) {
        return 1;
    }
    return number * factorial(number - 1);
}

const input = require("fs").readFileSync(0, "utf8").trim();
const number = Number(input);
console.log(factorial(number));
