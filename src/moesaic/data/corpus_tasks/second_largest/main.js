function secondLargest(numbers) {
    const unique = [...new Set(numbers)].sort((a, b) => a - b);
    if (unique.length === 1) {
        return unique[0];
    }
    return unique[unique.length - 2];
}

const input = require("fs").readFileSync(0, "utf8").trim();
const numbers = input.split(" ").map(Number);
console.log(secondLargest(numbers));
