import * as fs from "fs";

function selectionSortPasses(numbers: number[]): string[] {
    const passes: string[] = [];
    for (let start = 0; start + 1 < numbers.length; start++) {
        let smallest = start;
        for (let i = start; i < numbers.length; i++) {
            if (numbers[i] < numbers[smallest]) {
                smallest = i;
            }
        }
        [numbers[start], numbers[smallest]] = [numbers[smallest], numbers[start]];
        passes.push(numbers.join(" "));
    }
    return passes;
}

const numbers = fs.readFileSync(0, "utf8").trim().split(" ").map(Number);
console.log(selectionSortPasses(numbers).join("\n"));
