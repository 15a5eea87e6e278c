function removeDuplicates(numbers) {
    return [...new Set(numbers)];
}

const input = require("fs").readFileSync(0, "utf8").trim();
const numbers = input.split(" ").map(Number);
console.log(removeDuplicates(numbers).join("\n"));
