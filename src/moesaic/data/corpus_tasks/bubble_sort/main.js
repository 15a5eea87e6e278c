function bubbleSort(numbers) {
    for (let end = numbers.length; end > 1; end--) {
        for (let i = 1; i < end; i++) {
            if (numbers[i - 1] > numbers[i]) {
                [numbers[i - 1], numbers[i]] = [numbers[i], numbers[i - 1]];
            }
        }
    }
}

const input = require("fs").readFileSync(0, "utf8").trim();
const numbers = input.split(" ").map(Number);
bubbleSort(numbers);
console.log(numbers.join("\n"));
