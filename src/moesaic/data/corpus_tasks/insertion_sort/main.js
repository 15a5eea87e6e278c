function insertionSort(numbers) {
    for (let i = 1; i < numbers.length; i++) {
        const number = numbers[i];
        let gap = i;
        while (gap > 0 && numbers[gap - 1] < number) {
            numbers[gap] = numbers[gap - 1];
            gap--;
        }
        numbers[gap] = number;
    }
}

const input = require("fs").readFileSync(0, "utf8").trim();
const numbers = input.split(" ").map(Number);
insertionSort(numbers);
console.log(numbers.join("\n"));
