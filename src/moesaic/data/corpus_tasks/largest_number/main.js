function largestNumber(numbers) {
    let largest = numbers[0];
    for (const number of numbers) {
        if (number > largest) {
            largest = number;
        }
    }
    return largest;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const numbers = input.split(" ").map(Number);
console.log(largestNumber(numbers));
