function pairsWithSum(numbers, target) {
    let count = 0;
    for (let i = 0; i < numbers.length; i++) {
        for (let j = i + 1; j < numbers.length; j++) {
            if (numbers[i] + numbers[j] === target) {
                count++;
            }
        }
    }
    return count;
}

const lines = require("fs").readFileSync(0, "utf8").split("\n");
const target = Number(lines[0]);
const numbers = lines[1].split(" ").map(Number);
console.log(pairsWithSum(numbers, target));
