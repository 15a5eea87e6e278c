function fizzBuzz(number) {
    if (number % 15 === 0) {
        return "FizzBuzz";
    }
    if (number % 3 === 0) {
        return "Fizz";
    }
    if (number % 5 === 0) {
        return "Buzz";
    }
    return String(number);
}

const input = require("fs").readFileSync(0, "utf8").trim();
const n = Number(input);
for (let number = 1; number <= n; number++) {
    console.log(fizzBuzz(number));
}
