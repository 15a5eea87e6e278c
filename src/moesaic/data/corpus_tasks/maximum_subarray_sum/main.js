function maximumSubarraySum(numbers) {
    let best = numbers[0];
    let current = 0;
    for (const number of numbers) {
        current = Math.max(current + number, number);
        best = Math.max(best, current);
    }
    return best;
}

const input = require("fs").readFileSync(0, "utf8").trim();
const numbers = input.split(" ").map(Number);
console.log(maximumSubarraySum(numbers));
