import * as fs from "fs";

function fizzBuzz(number: number): string {
    if (number % 15 === 0) {
        return "FizzBuzz";
    } else if (number % 3 === 0) {
        return "Fizz";
    } else if (number % 5 === 0) {
        return "Buzz";
    }
    return number.toString();
}

const n = Number(fs.readFileSync(0, "utf8"));
for (let number = 1; number <= n; number++) {
    console.log(fizzBuzz(number));
}
