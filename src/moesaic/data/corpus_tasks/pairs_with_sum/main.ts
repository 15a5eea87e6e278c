import * as fs from "fs";

function pairsWithSum(numbers: number[], target: number): number {
    let count = 0;
    numbers.forEach((number, index) => {
        for (const other of numbers.slice(index + 1)) {
            if (number + other === target) {
                count++;
            }
        }
    });
    return count;
}

const [first, second] = fs.readFileSync(0, "utf8").split("\n");
const numbers = second.split(" ").map(Number);
console.log(pairsWithSum(numbers, Number(first)));
