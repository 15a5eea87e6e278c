import * as fs from "fs";

function insertionSort(numbers: number[]): number[] {
    for (let i = 1; i < numbers.length; i++) {
        const number = numbers[i];
        let place = i;
        while (place > 0 && numbers[place - 1] < number) {
            numbers[place] = numbers[place - 1];
            place--;
        }
        numbers[place] = number;
    }
    return numbers;
}

const numbers = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
insertionSort(numbers).forEach((number) => console.log(number));
