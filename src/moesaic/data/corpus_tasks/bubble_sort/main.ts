import * as fs from "fs";

function bubbleSort(numbers: number[]): number[] {
    for (let end = numbers.length - 1; end > 0; end--) {
        for (let i = 0; i < end; i++) {
            if (numbers[i] > numbers[i + 1]) {
                [numbers[i], numbers[i + 1]] = [numbers[i + 1], numbers[i]];
            }
        }
    }
    return numbers;
}

const numbers = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(bubbleSort(numbers).join("\n"));
